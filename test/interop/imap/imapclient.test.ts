// Python's IMAPClient against our server: every command that it knows and we announce.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testPassword, testUser } from '../../support/imap-host.js';
import { needs } from '../../support/needs.js';
import { run } from '../../support/program.js';
import { mailbox, mustSucceed } from './client-mailbox.js';

/** .ci/run unpacks it there: it is in no package of Debian 12. */
const modules = '/opt/vqmail-receivers/usr/lib/python3/dist-packages';

const script = String.raw`
import os, sys
from datetime import date, datetime
from imapclient import IMAPClient
from imapclient.imapclient import SENT
port, user, password, maildir = sys.argv[1:]

box = IMAPClient('127.0.0.1', port=int(port), ssl=False, timeout=60)
assert b'Logged in' in box.plain_login(user, password)
for name in ('IMAP4REV1', 'IDLE', 'MOVE', 'UIDPLUS', 'CONDSTORE', 'QRESYNC', 'SORT', 'THREAD=REFERENCES', 'NAMESPACE', 'QUOTA', 'MULTIAPPEND', 'SPECIAL-USE'):
    assert box.has_capability(name), (name, box.capabilities())
assert box.id_({'name': 'IMAPClient'}) == ((b'name', b'vqmail'),), box.id_()
assert box.namespace() == ((('', '.'),), None, None), box.namespace()
assert box.enable('CONDSTORE', 'QRESYNC') == [b"CONDSTORE", b"QRESYNC"]

def folders(found):
    return sorted(name for flags, separator, name in found)

for name in ('Sent', 'Entwürfe', 'Work'):
    box.create_folder(name)
    box.subscribe_folder(name)
assert folders(box.list_folders()) == ['Entwürfe', 'INBOX', 'Sent', 'Work'], box.list_folders()
assert folders(box.list_sub_folders()) == ['Entwürfe', 'Sent', 'Work'], box.list_sub_folders()
assert box.find_special_folder(SENT) == 'Sent'
box.unsubscribe_folder('Entwürfe')
box.rename_folder('Entwürfe', 'Ablage')
assert box.folder_exists('Ablage') and not box.folder_exists('Entwürfe')
box.delete_folder('Ablage')

selected = box.select_folder('INBOX')
assert selected[b'EXISTS'] == 3 and selected[b'UIDNEXT'] == 4 and selected[b'READ-WRITE'], selected
before = selected[b'HIGHESTMODSEQ']

assert box.search(['SUBJECT', 'two']) == [2]
assert box.search(['SUBJECT', 'größe'], charset='UTF-8') == []
assert box.search(['SINCE', date(2026, 2, 1), 'NOT', 'SEEN']) == [1, 2, 3]
assert box.sort('REVERSE SUBJECT') == [2, 3, 1], box.sort('REVERSE SUBJECT')
assert box.thread() == ((1,), (2,), (3,)), box.thread()

one = box.fetch([1], ['ENVELOPE', 'BODYSTRUCTURE', 'RFC822.SIZE', 'INTERNALDATE', 'FLAGS', 'BODY.PEEK[TEXT]', 'BODY.PEEK[HEADER.FIELDS (SUBJECT)]'])[1]
envelope = one[b'ENVELOPE']
assert envelope.subject == b'one' and envelope.message_id == b'<one@example.gr.jp>', envelope
assert isinstance(envelope.date, datetime) and str(envelope.from_[0]) == 'Noel <noel@example.gr.jp>', envelope
assert str(envelope.to[0]) == user and envelope.cc is None, envelope
structure = one[b'BODYSTRUCTURE']
assert not structure.is_multipart and structure[:2] == (b'text', b'plain') and structure[6:8] == (13, 1), structure
assert one[b'BODY[TEXT]'] == b'body of one\r\n' and one[b'BODY[HEADER.FIELDS (SUBJECT)]'] == b'Subject: one\r\n\r\n', one
assert one[b'RFC822.SIZE'] == len(box.fetch([1], ['BODY.PEEK[]'])[1][b'BODY[]'])
assert isinstance(one[b'INTERNALDATE'], datetime) and b'\\Seen' not in one[b'FLAGS'], one

def flags(answer):
    return {uid: tuple(flag for flag in sorted(given) if flag != b'\\Recent') for uid, given in answer.items()}

assert flags(box.add_flags([1, 2], [b'\\Flagged', b'$Label1'])) == {1: (b'$Label1', b'\\Flagged'), 2: (b'$Label1', b'\\Flagged')}
assert flags(box.remove_flags([2], [b'$Label1'])) == {2: (b'\\Flagged',)}
assert flags(box.set_flags([1], [b'\\Seen'])) == {1: (b'\\Seen',)}
assert flags(box.get_flags([1, 2, 3])) == {1: (b'\\Seen',), 2: (b'\\Flagged',), 3: ()}
assert box.search(['KEYWORD', '$Label1']) == [] and box.search(['FLAGGED']) == [2]
changed = box.fetch('1:*', ['FLAGS'], ['CHANGEDSINCE %d' % before])
assert sorted(changed) == [1, 2] and all(each[b'MODSEQ'][0] > before for each in changed.values()), changed

appended = box.append('Work', b'Subject: four\r\n\r\nbody\r\n', [b'\\Seen'], datetime(2026, 3, 1))
assert b'APPENDUID' in appended, appended
box.multiappend('Work', [b'Subject: five\r\n\r\nbody\r\n', {'msg': b'Subject: six\r\n\r\nbody\r\n', 'flags': [b'\\Draft']}])
assert box.folder_status('Work', ['MESSAGES', 'UNSEEN', 'UIDNEXT']) == {b'MESSAGES': 3, b'UNSEEN': 2, b'UIDNEXT': 4}
box.copy([1], 'Work')
box.move([2], 'Work')
assert box.search() == [1, 3]
assert box.folder_status('Work', ['MESSAGES']) == {b'MESSAGES': 5}

def until(kind):
    found = []
    while not any(len(answer) > 1 and answer[1] == kind for answer in found):
        answers = box.idle_check(timeout=60)
        assert answers, found
        found += answers
    return found

box.idle()
with open(os.path.join(maildir, 'tmp', '1772323999.x.h'), 'wb') as file:
    file.write(b'Subject: delivered\n\nwhile idling\n')
os.rename(os.path.join(maildir, 'tmp', '1772323999.x.h'), os.path.join(maildir, 'new', '1772323999.x.h'))
assert (3, b'EXISTS') in until(b'EXISTS')
box.idle_done()
assert box.search(['SUBJECT', 'delivered']) == [4]

assert box.get_quota_root('INBOX')[0].quota_roots == ['User quota'], box.get_quota_root('INBOX')
quota = {each.resource: each for each in box.get_quota()}
# Who put the file into new/ has not counted it.
assert quota['MESSAGE'].limit == 1000 and quota['MESSAGE'].usage == 7, quota

box.delete_messages([1])
box.uid_expunge([3])
assert box.search() == [1, 3, 4]
box.expunge()
assert box.search() == [3, 4]
box.noop()
box.unselect_folder()
assert box.select_folder('INBOX', readonly=True)[b'READ-ONLY']
box.close_folder()
assert box.logout() == b'Logging out'

with IMAPClient('127.0.0.1', port=int(port), ssl=False) as again:
    again.login(user, password)
    assert again.select_folder('Work')[b'EXISTS'] == 5
    subjects = {each[b'ENVELOPE'].subject for each in again.fetch('1:*', ['ENVELOPE']).values()}
    assert subjects == {b'one', b'two', b'four', b'five', b'six'}, subjects
`;

test('Python IMAPClient', async (t) => {
  if (!needs(t, 'python3', `${modules}/imapclient`)) return;
  const host = await mailbox(t);
  host.setQuota('10485760S,1000C');
  const client = ['python3', '-', `${host.port}`, testUser, testPassword, host.maildir()];
  mustSucceed(await run(client, script, { PYTHONPATH: modules, PYTHONIOENCODING: 'utf-8' }), host);
  assert.deepEqual(host.log, []);
});
