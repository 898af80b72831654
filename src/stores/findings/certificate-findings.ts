// Certificates: what cannot be used, is over or ends soon, and keys that others may read.

import path from 'node:path';
import { ConfigurationError } from '../../errors.js';
import { namesIn } from '../../files/list.js';
import { readIfPresent } from '../../files/read.js';
import { type CertificateFiles, readCertificate } from '../certificates/certificate.js';
import { filesOfName, isHostName } from '../certificates/certificates.js';
import { problemOf, warnBeforeMs } from '../certificates/report.js';
import { error, type Finding, guarded, look, modeOf, type Search, warning } from './finding.js';

/** Problems of control/servercert.pem and control/vqmail/certs. */
export function* certificateFindings({ host }: Search): Generator<Finding> {
  const { serverCertificate, certificates } = host.layout;
  yield* guarded(serverCertificate, () => certificateFileFindings({ certificate: serverCertificate }));
  const names = [...namesIn(certificates)].sort();
  for (const name of names.flatMap((file) => /^(.+)\.pem$/.exec(file)?.[1] ?? [])) {
    const files = filesOfName(certificates, name);
    if (isHostName(name)) yield* guarded(files.certificate, () => certificateFileFindings(files));
    else yield warning(files.certificate, 'is not named for a host, so no client is shown it; rename it to NAME.pem');
  }
  for (const key of names.filter((file) => /\.(key|chain)$/.test(file)))
    if (!names.includes(`${path.parse(key).name}.pem`))
      yield warning(path.join(certificates, key), 'has no certificate beside it; remove it');
}

function* certificateFileFindings(files: CertificateFiles): Generator<Finding> {
  const certificate = readIfPresent(files.certificate);
  if (certificate === undefined) return;
  const key = files.keyBeside === undefined ? undefined : readIfPresent(files.keyBeside);
  const chain = files.chainBeside === undefined ? undefined : readIfPresent(files.chainBeside);
  const keyFile = (key && files.keyBeside) ?? files.certificate;
  const status = look(keyFile);
  if (status !== undefined && (status.mode & 0o004n) !== 0n)
    yield warning(keyFile, `mode ${modeOf(status)}: everybody on this host may read the private key; chmod 0640`);
  try {
    const problem = problemOf(readCertificate(files, { certificate, key, chain }, {}), Date.now(), warnBeforeMs);
    if (problem !== undefined) yield warning(files.certificate, problem);
  } catch (trouble) {
    if (!(trouble instanceof ConfigurationError)) throw trouble;
    const text = trouble.message.slice(trouble.path.length).replace(/^: /, '');
    yield error(trouble.path, `${text}, so TLS is refused or shows another certificate`);
  }
}
