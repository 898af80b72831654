// Passwords that are guessed first: what people choose (the lists of leaked passwords agree on the beginning), and what can be made of the address.

/** Among the most frequent of every published list, and of Japanese ones. */
const common: ReadonlySet<string> = new Set(
  (
    '123456 123456789 12345678 1234567 1234567890 12345 1234 111111 000000 123123 654321 666666 888888 987654321 112233 121212 ' +
    'password password1 password123 passw0rd p@ssw0rd p@ssword pass1234 passwd pass qwerty qwerty123 qwertyuiop qwert 1q2w3e4r 1q2w3e 1qaz2wsx ' +
    'zaq12wsx asdfghjkl asdfgh asdf zxcvbnm abc123 abcd1234 a123456 aa123456 iloveyou admin admin123 administrator root toor test test123 guest ' +
    'user mail email postmaster webmaster welcome welcome1 letmein login master monkey dragon football baseball sunshine princess shadow superman ' +
    'michael jordan charlie trustno1 secret changeme default temp temp123 hello computer internet server office company ' +
    'sakura doraemon pokemon nihon japan tokyo yamato aisiteru 1234qwer q1w2e3r4 asdf1234'
  ).split(' '),
);

/** What is tried against a hash: the first of each kind. */
const triedMost = 40;
const shortest = 8;

/** Why a password that is known in clear is weak; undefined when nothing shows it. Texts are Latin-1. */
export function weaknessOf(password: string, name: string, domain: string): string | undefined {
  const lower = password.toLowerCase();
  if (common.has(lower)) return 'one of the most common';
  if (madeOfAddress(name, domain).includes(lower)) return 'made of the address';
  if (password.length < shortest) return `shorter than ${shortest} characters`;
  if (/^[0-9]*$/.test(password)) return 'digits alone';
  if (new Set(password).size < 4) return 'few different characters';
  return undefined;
}

/** What is worth trying against a hash of this account, the likeliest first. */
export function likelyPasswords(name: string, domain: string): string[] {
  return [...new Set([...madeOfAddress(name, domain), ...common])].slice(0, triedMost);
}

function madeOfAddress(name: string, domain: string): string[] {
  const labels = domain.split('.').filter((label) => label.length > 3 && label !== 'mail');
  const words = [...new Set([name, ...name.split(/[-._+]/), ...labels])].filter((word) => word.length > 1);
  const made = words.flatMap((word) => [
    word,
    `${word}1`,
    `${word}12`,
    `${word}123`,
    `${word}1234`,
    [...word].reverse().join(''),
  ]);
  return [...new Set([...made, `${name}@${domain}`, domain])].map((word) => word.toLowerCase());
}
