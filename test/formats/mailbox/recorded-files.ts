// Files of recorded Maildirs by their name: what Dovecot and Courier left on disk.

import { contentOf, loadRecording, recordingNames } from '../../support/recording.js';

export interface RecordedFile {
  /** Recording and path, for messages. */
  readonly where: string;
  /** Last part of the path, one character a byte. */
  readonly name: string;
  /** Its directory, below the account's. */
  readonly directory: string;
  readonly bytes: Buffer;
}

/** All regular files of all recorded Maildirs. */
export function recordedFiles(): RecordedFile[] {
  return recordingNames('maildir').flatMap((recording) =>
    Object.entries(loadRecording('maildir', recording).tree ?? {}).flatMap(([path, entry]) => {
      if (entry.type !== 'file') return [];
      const bytes = Buffer.from(path, 'utf8').toString('latin1');
      const slash = bytes.lastIndexOf('/');
      const directory = bytes.slice(bytes.indexOf('/Maildir') + 1, slash);
      return [
        {
          where: `${recording}: ${path}`,
          name: bytes.slice(slash + 1),
          directory,
          bytes: contentOf(entry) ?? Buffer.alloc(0),
        },
      ];
    }),
  );
}

/** Those of one name. */
export function recordedFilesNamed(name: string | RegExp): RecordedFile[] {
  return recordedFiles().filter((file) => (typeof name === 'string' ? file.name === name : name.test(file.name)));
}
