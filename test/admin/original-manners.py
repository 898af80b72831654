#!/usr/bin/env python3
"""A writer with the manners of the original tools, for races with ours: what it changes, in which order, under which lock, and nothing beyond.

    original-manners.py ROOT PLAN        PLAN is a file of JSON: {"hashes": {PASSWORD: HASH}, "calls": [[TOOL, ARGUMENT...]...]}

Calls: vadduser ADDRESS PASSWORD, vpasswd ADDRESS PASSWORD, vdeluser ADDRESS, vadddomain DOMAIN PASSWORD, vdeldomain DOMAIN, and `login IP` for what vchkpw does
to the relay table. After each it prints `NUMBER EXITSTATUS`.

Locks are fcntl F_SETLK on FILE.lock, tried again after a pause (the originals' is two seconds; nobody waits for that in a test). Temporary names, renames and their
order are the originals': vpasswd.bak.PID to vpasswd, then cdb.tmp to vpasswd.cdb, both under the lock; control files FILE.PID to FILE under
FILE.lock; users/cdb and morercpthosts.cdb afterwards, without a lock. No fsync.
"""
import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys
import time

OWNER = 6020


def give(path):
    if os.geteuid() == 0:
        os.chown(path, OWNER, OWNER)


class Locked:
    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        pause = 0.001
        while True:
            try:
                fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except (BlockingIOError, PermissionError):
                time.sleep(pause)
                pause = min(pause * 2, 0.02)

    def __exit__(self, *_):
        fcntl.lockf(self.fd, fcntl.LOCK_UN)
        os.close(self.fd)


def cdb(records):
    """The bytes of a cdb."""
    def digest(key):
        value = 5381
        for byte in key:
            value = ((value * 33) & 0xFFFFFFFF) ^ byte
        return value

    body, position, tables = [], 2048, [[] for _ in range(256)]
    for key, data in records:
        number = digest(key)
        tables[number & 255].append((number, position))
        body.append(struct.pack('<LL', len(key), len(data)) + key + data)
        position += 8 + len(key) + len(data)
    header = []
    for entries in tables:
        slots = len(entries) * 2
        header.append(struct.pack('<LL', position, slots))
        table = [(0, 0)] * slots
        for number, at in entries:
            slot = (number >> 8) % slots
            while table[slot][1]:
                slot = (slot + 1) % slots
            table[slot] = (number, at)
        body.extend(struct.pack('<LL', *entry) for entry in table)
        position += slots * 8
    return b''.join(header) + b''.join(body)


def lines_of(path):
    try:
        with open(path, 'rb') as file:
            return file.read().split(b'\n')[:-1]
    except FileNotFoundError:
        return []


def write(path, lines, mode=0o600):
    with open(path, 'wb') as file:
        os.fchmod(file.fileno(), mode)
        file.write(b''.join(line + b'\n' for line in lines))


class Host:
    def __init__(self, root, hashes):
        self.root, self.hashes = root, hashes
        self.control = root + '/var/qmail/control/'
        self.users = root + '/var/qmail/users/'
        self.domains = root + '/home/vpopmail/domains/'
        self.etc = root + '/home/vpopmail/etc/'
        self.tcp = root + '/etc/tcp/'

    def accounts(self, domain, change):
        place = self.domains + domain + '/'
        with Locked(place + '.vpasswd.lock'):
            temporary = '%svpasswd.bak.%d' % (place, os.getpid())
            lines = change(lines_of(place + 'vpasswd'))
            write(temporary, lines)
            os.rename(temporary, place + 'vpasswd')
            with open(place + 'cdb.tmp', 'wb') as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(cdb(tuple(line.split(b':', 1)) for line in lines))
            os.rename(place + 'cdb.tmp', place + 'vpasswd.cdb')
            for name in ('vpasswd.cdb', '.vpasswd.lock', 'vpasswd'):
                give(place + name)

    def vadduser(self, address, password):
        user, domain = address.split('@')
        home = self.domains + domain + '/' + user
        for directory in (home, home + '/Maildir', *(home + '/Maildir/' + part for part in ('new', 'cur', 'tmp'))):
            os.mkdir(directory, 0o700)
            give(directory)
        line = self.line(user, domain, password)

        def insert(lines):
            at = next((i for i, other in enumerate(lines) if other.split(b':', 1)[0] > user.encode()), len(lines))
            return lines[:at] + [line] + lines[at:]
        self.accounts(domain, insert)

    def line(self, user, domain, password):
        fields = (user, self.hashes[password], '1', '0', user, '/home/vpopmail/domains/%s/%s' % (domain, user), 'NOQUOTA', password)
        return ':'.join(fields).encode()

    def vpasswd(self, address, password):
        user, domain = address.split('@')

        def replace(lines):
            return [self.line(user, domain, password) if line.startswith(user.encode() + b':') else line for line in lines]
        self.accounts(domain, replace)

    def vdeluser(self, address):
        user, domain = address.split('@')
        self.accounts(domain, lambda lines: [line for line in lines if not line.startswith(user.encode() + b':')])
        shutil.rmtree(self.domains + domain + '/' + user)

    def update(self, path, change):
        """One control file. Gives what it holds afterwards."""
        with Locked(path + '.lock'):
            lines = change(lines_of(path))
            temporary = '%s.%d' % (path, os.getpid())
            write(temporary, lines)
            os.rename(temporary, path)
        os.chmod(path, 0o644)
        return lines

    def insert(self, path, line):
        def key(text):
            name = text.split(b':')[0]
            name = name[1:-1] if name.startswith(b'+') else name
            labels = [label for label in name.split(b'.') if label]
            return b'.'.join(labels[-2:] + labels[:-2])

        def sorted_in(lines):
            lines = [other for other in lines if other != b'.']
            at = next((i for i, other in enumerate(lines) if key(other) > key(line)), len(lines))
            return lines[:at] + [line] + lines[at:] + ([b'.'] if path.endswith('assign') else [])
        self.update(path, sorted_in)

    def remove(self, path, line):
        found = []
        self.update(path, lambda lines: [other for other in lines if other != line or found.append(other)])
        return len(found)

    def assignment(self, domain):
        return ('+%s-:%s:%d:%d:/home/vpopmail/domains/%s:-::' % (domain, domain, OWNER, OWNER, domain)).encode()

    def newu(self):
        records, last = [], b''
        for line in lines_of(self.users + 'assign'):
            if line.startswith(b'+'):
                name, rest = line[1:].split(b':', 1)
                records.append((b'!' + name.lower(), b'\0'.join(rest.split(b':')[:6])))
                last = last if name[-1:] in last else last + name[-1:]
        self.compile(self.users + 'cdb.tmp', self.users + 'cdb', records + [(b'', last)])

    def compile(self, temporary, path, records):
        with open(temporary, 'wb') as file:
            file.write(cdb(records))
            os.fsync(file.fileno())
        os.rename(temporary, path)

    def vadddomain(self, domain, password):
        place = self.domains + domain
        os.mkdir(place, 0o700)
        give(place)
        write(place + '/.qmail-default', [b"| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox"])
        give(place + '/.qmail-default')
        self.insert(self.users + 'assign', self.assignment(domain))
        self.newu()
        name = domain.encode()
        if len(lines_of(self.control + 'rcpthosts')) >= 50:
            self.insert(self.control + 'morercpthosts', name)
            self.newmrh()
        else:
            self.insert(self.control + 'rcpthosts', name)
        self.insert(self.control + 'virtualdomains', name + b':' + name)
        self.vadduser('postmaster@' + domain, password)

    def newmrh(self):
        names = lines_of(self.control + 'morercpthosts')
        self.compile(self.control + 'morercpthosts.tmp', self.control + 'morercpthosts.cdb', [(name, b'') for name in names])

    def vdeldomain(self, domain):
        name = domain.encode()
        shutil.rmtree(self.domains + domain)
        if not self.remove(self.control + 'rcpthosts', name) and self.remove(self.control + 'morercpthosts', name):
            self.newmrh()
        self.remove(self.control + 'virtualdomains', name + b':' + name)
        self.remove(self.users + 'assign', self.assignment(domain))
        self.newu()

    def login(self, ip):
        path = self.etc + 'open-smtp'
        with Locked(path + '.lock'):
            old = lines_of(path)
            kept = [line for line in old if line.split(b':', 1)[0] != ip.encode()]
            line = ('%s:allow,RELAYCLIENT="",RBLSMTPD=""\t%d' % (ip, time.time())).encode()
            temporary = '%s.tmp.%d' % (path, os.getpid())
            write(temporary, kept + [line], 0o644)
            os.rename(temporary, path)
            if len(kept) == len(old):
                rules = lines_of(self.tcp + 'smtp') + [other.split(b'\t')[0] for other in kept + [line]]
                argv = ['tcprules', self.tcp + 'smtp.cdb', '%ssmtp.tmp.%d' % (self.tcp, os.getpid())]
                subprocess.run(argv, input=b''.join(rule + b'\n' for rule in rules), check=True)


def main(root, plan):
    with open(plan, encoding='latin1') as file:
        plan = json.load(file)
    host = Host(root, plan['hashes'])
    os.umask(0o077)
    for number, (tool, *arguments) in enumerate(plan['calls']):
        getattr(host, tool)(*arguments)
        print(number, 0, flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
