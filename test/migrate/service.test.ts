import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { defaultListen, defaultProgram, managers, serviceFiles, shellWord } from '../../migrate/service/files.js';
import { unpackSampleHost } from '../../src/cli/demo.js';
import { callTool } from '../support/call-tool.js';
import { until } from '../support/front-end.js';
import { needs } from '../support/needs.js';
import { Pop3Client } from '../support/pop3-client.js';
import { freePort, waitForPort } from '../support/ports.js';
import { run } from '../support/program.js';
import { fixtures, newRoot, removeRoot } from '../support/recording.js';
import { startScript } from '../support/started-script.js';

const shipped = path.join(fixtures, '../migrate/service');

function folder(t: { after(act: () => void): void }): string {
  const directory = newRoot('vqmail-service');
  t.after(() => removeRoot(directory));
  return directory;
}

describe('migrate service', () => {
  it('ships what it gives for the defaults', () => {
    for (const manager of managers) {
      const { files } = serviceFiles(manager, { program: [defaultProgram], listen: defaultListen, options: [] });
      const names = fs.readdirSync(path.join(shipped, manager), { recursive: true, encoding: 'utf8' });
      assert.deepEqual(names.filter((name) => name !== 'log').sort(), files.map(({ name }) => name).sort());
      for (const { name, text, mode } of files) {
        const file = path.join(shipped, manager, name);
        assert.equal(fs.readFileSync(file, 'utf8'), text, file);
        assert.equal((fs.statSync(file).mode & 0o111) !== 0, (mode & 0o111) !== 0, file);
      }
    }
  });

  it('gives units that systemd-analyze takes', async (t) => {
    if (!needs(t, 'systemd-analyze')) return;
    const directory = folder(t);
    const args = [
      '--listen',
      'smtp=0.0.0.0:25',
      '--listen',
      'smtp=[::]:2525',
      '--listen',
      'auth=unix:/run/x/auth,mode=0660,group=root',
    ];
    const { exit, stderr } = await callTool('/', [
      'migrate',
      'service',
      '--for',
      'systemd',
      '--into',
      directory,
      ...args,
      '--',
      '--uidl',
      'dovecot:%f',
      '--default-delivery',
      './Maildir/ a',
    ]);
    assert.equal(exit, 0, stderr);
    const units = fs.readdirSync(directory).map((name) => path.join(directory, name));
    assert.equal(units.length, 4);
    const { status, stderr: said } = await run(['systemd-analyze', '--man=no', 'verify', ...units], '', {
      SYSTEMD_LOG_LEVEL: 'notice',
    });
    const ours = said.split('\n').filter((line) => line.includes(directory) || /vqmail/.test(line));
    assert.deepEqual([status, ours], [0, []]);
    assert.match(
      fs.readFileSync(path.join(directory, 'vqmail.service'), 'utf8'),
      /--uidl dovecot:%%f --default-delivery "\.\/Maildir\/ a"$/m,
    );
  });

  it('gives units whose sockets leave IPv4 to each other', () => {
    const listen = ['imap=0.0.0.0:143', 'imap=[::]:143', 'pop3=[::]:110'];
    const { files } = serviceFiles('systemd', { program: [defaultProgram], listen, options: [] });
    assert.deepEqual(
      files
        .slice(1)
        .map(({ text }) => [/^ListenStream=(.*)$/m.exec(text)?.[1], /^BindIPv6Only=(.*)$/m.exec(text)?.[1]]),
      [
        ['0.0.0.0:143', undefined],
        ['[::]:143', 'ipv6-only'],
        ['[::]:110', 'both'],
      ],
    );
  });

  it('gives scripts that sh takes', async (t) => {
    for (const manager of ['daemontools', 'freebsd'] as const) {
      const directory = folder(t);
      const hostile = `a'b $(touch ${directory}/x) "c" \\`;
      await callTool('/', [
        'migrate',
        'service',
        '--for',
        manager,
        '--into',
        directory,
        '--',
        '--default-delivery',
        hostile,
      ]);
      for (const name of fs.readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
        const file = path.join(directory, name);
        if (fs.statSync(file).isFile())
          assert.deepEqual(await run(['sh', '-n', file]), { status: 0, stdout: '', stderr: '' });
      }
    }
    for (const word of ["it's", 'a b', '$HOME', '`x`', '', '*', 'plain=1', '[::1]:25'])
      assert.equal((await run(['sh', '-c', `printf %s ${shellWord(word)}`])).stdout, word);
  });

  it('the unit starts the server on the sockets that systemd holds', async (t) => {
    if (!needs(t, 'systemd-socket-activate')) return;
    const [root, directory] = [folder(t), folder(t)];
    unpackSampleHost(root);
    const [smtp, pop3] = [await freePort(), await freePort()];
    const options = ['--into', directory, '--listen', `smtp=127.0.0.1:${smtp}`, '--listen', `pop3=127.0.0.1:${pop3}`];
    await callTool(root, ['migrate', 'service', '--for', 'systemd', ...options, '--', '--workers', '0']);
    const command =
      /^ExecStart=(.*)$/m.exec(fs.readFileSync(path.join(directory, 'vqmail.service'), 'utf8'))?.[1] ?? '';
    assert.match(command, / serve --listen smtp=systemd:smtp --listen pop3=systemd:pop3 /);
    const log = startScript(t, [
      'systemd-socket-activate',
      '-l',
      `127.0.0.1:${smtp}`,
      '-l',
      `127.0.0.1:${pop3}`,
      '--fdname=smtp:pop3',
      ...command.split(' '),
    ]);
    await waitForPort(pop3, log);
    const client = await Pop3Client.connect(pop3);
    t.after(() => client.destroy());
    assert.match(await client.logIn('test@mailtest.example.jp', 'password'), /^\+OK/);
  });

  it('the run script starts the server', async (t) => {
    const [root, directory] = [folder(t), folder(t)];
    unpackSampleHost(root);
    const pop3 = await freePort();
    await callTool(root, [
      'migrate',
      'service',
      '--for',
      'daemontools',
      '--into',
      directory,
      '--listen',
      `pop3=127.0.0.1:${pop3}`,
      '--',
      '--workers',
      '0',
    ]);
    const log = startScript(t, [path.join(directory, 'run')]);
    await waitForPort(pop3, log);
    await until(() => /^ready pop3=/m.test(log()), log);
  });

  it('leaves a file alone that is there and is another one', async (t) => {
    const directory = folder(t);
    fs.writeFileSync(path.join(directory, 'vqmail.service'), 'mine');
    const { exit, stderr } = await callTool('/', ['migrate', 'service', '--for', 'systemd', '--into', directory]);
    assert.deepEqual([exit, fs.readFileSync(path.join(directory, 'vqmail.service'), 'utf8')], [100, 'mine'], stderr);
    for (const args of [[], ['--for', 'upstart'], ['--for', 'systemd', '--listen', 'smtp']])
      assert.equal((await callTool('/', ['migrate', 'service', ...args])).exit, 100, args.join(' '));
  });
});
