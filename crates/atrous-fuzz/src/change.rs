//! Random changes of bytes, and of bytes in parts.

use fastrand::Rng;

/// Longest input that changes make.
pub(crate) const LONGEST: usize = 1 << 18;

/// Numbers at which readers go wrong, as text.
const NUMBERS: [&str; 26] = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "8",
    "-1",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
    "1e308",
    "1e999",
    "-0.0",
    "1e-320",
    "nan",
    "inf",
];

/// Texts at which readers go wrong.
const TEXTS: [&str; 16] = [
    "",
    " ",
    "\n",
    "\r\n",
    "\0",
    "\t",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[2J",
    "é",
    "👩\u{200d}🔬",
    "null",
    "true",
    "\"",
    "..",
    "%s",
];

/// Changes the bytes in one place.
pub(crate) fn bytes(data: &mut Vec<u8>, rng: &mut Rng) {
    if data.is_empty() {
        data.extend(random(rng, 16));
        return;
    }
    let at = rng.usize(0..data.len());
    match rng.u8(0..11) {
        0 | 1 => data[at] ^= 1 << rng.u8(0..8),
        2 => data[at] = rng.u8(..),
        3..=5 => number(data, at, rng),
        6 => data.truncate(at),
        7 => drop(data.drain(at..near(at, data.len(), rng))),
        8 => {
            let copy = data[at..near(at, data.len(), rng)].to_vec();
            let to = rng.usize(0..=data.len());
            insert(data, to, copy);
        }
        9 => insert(data, at, random(rng, 64)),
        _ => {
            let more = random(rng, 64);
            data.extend(more);
        }
    }
}

/// Writes a number at which readers go wrong over the bytes at a position: one, two, four or eight of them, in either order.
fn number(data: &mut [u8], at: usize, rng: &mut Rng) {
    let size = 1 << rng.u32(0..4);
    let at = at.min(data.len().saturating_sub(size));
    let size = size.min(data.len() - at);
    let mut read = [0; 8];
    read[..size].copy_from_slice(&data[at..at + size]);
    let (old, top) = (u64::from_le_bytes(read), 1u64 << (8 * size - 1));
    let value = match rng.u8(0..10) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => top,
        4 => top - 1,
        5 => old.wrapping_add(1),
        6 => old.wrapping_sub(1),
        7 => data.len() as u64,
        8 => 1 << rng.u32(0..64),
        _ => rng.u64(..),
    };
    let mut written = value.to_le_bytes()[..size].to_vec();
    if rng.bool() {
        written.reverse();
    }
    data[at..at + size].copy_from_slice(&written);
}

/// Changes a list of parts in one place: one part, or their order and number. `others` are those of another input.
pub(crate) fn parts(parts: &mut Vec<Vec<u8>>, others: &[Vec<u8>], rng: &mut Rng) {
    if parts.is_empty() {
        parts.push(random(rng, 16));
        return;
    }
    let at = rng.usize(0..parts.len());
    match rng.u8(0..16) {
        0..=4 => text_or_bytes(&mut parts[at], rng),
        5 => drop(parts.remove(at)),
        6 => drop(parts.drain(at..near(at, parts.len(), rng))),
        7 => {
            let to = rng.usize(0..=parts.len());
            parts.insert(to, parts[at].clone());
        }
        8 => {
            let other = rng.usize(0..parts.len());
            parts.swap(at, other);
        }
        9 => repeat(parts, at, rng),
        10 => parts.truncate(at),
        11 | 12 if !others.is_empty() => parts[at] = others[rng.usize(0..others.len())].clone(),
        13 if !others.is_empty() => {
            let from = rng.usize(0..others.len());
            parts.truncate(at);
            parts.extend_from_slice(&others[from..]);
        }
        14 => parts.insert(at, TEXTS[rng.usize(0..TEXTS.len())].into()),
        _ => bytes(&mut parts[at], rng),
    }
}

/// Repeats a few parts in a row many times, such as an opening bracket.
fn repeat(parts: &mut Vec<Vec<u8>>, at: usize, rng: &mut Rng) {
    let few = parts[at..parts.len().min(at + rng.usize(1..5))].to_vec();
    let size = few.iter().map(Vec::len).sum::<usize>().max(1);
    let times = (1usize << rng.u32(1..15)).min(LONGEST / 2 / size);
    let more: Vec<_> = few.iter().cycle().take(few.len() * times).cloned().collect();
    parts.splice(at..at, more);
}

/// Replaces a number in text by another one, a word by another text; changes the bytes of anything else.
fn text_or_bytes(part: &mut Vec<u8>, rng: &mut Rng) {
    let number =
        part.iter().any(u8::is_ascii_digit) && part.iter().all(|b| b.is_ascii_digit() || b"+-.eE_".contains(b));
    if number && rng.u8(0..4) > 0 {
        *part = NUMBERS[rng.usize(0..NUMBERS.len())].into();
    } else if part.len() < 40 && rng.u8(0..4) == 0 {
        *part = [NUMBERS.as_slice(), &TEXTS][rng.usize(0..2)][rng.usize(0..TEXTS.len())].into();
    } else {
        bytes(part, rng);
    }
}

/// An end behind a position, mostly a near one.
fn near(at: usize, len: usize, rng: &mut Rng) -> usize {
    let most = if rng.u8(0..4) > 0 { 8 } else { len };
    (at + rng.usize(1..=most.max(1))).min(len)
}

fn insert(data: &mut Vec<u8>, at: usize, more: Vec<u8>) {
    data.splice(at..at, more);
}

/// Random bytes: all random, or all the same.
pub(crate) fn random(rng: &mut Rng, most: usize) -> Vec<u8> {
    let len = rng.usize(0..=most);
    if rng.bool() {
        return vec![[0, 0xFF, b'[', b'{', b'"', b'\n'][rng.usize(0..6)]; len];
    }
    (0..len).map(|_| rng.u8(..)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_depend_on_the_seed_alone_and_change_something() {
        let start: Vec<Vec<u8>> = [&b"a = 1"[..], b"\n", b"12", &[7; 40]].map(<[u8]>::to_vec).to_vec();
        let changed = |seed: u64| {
            let (mut list, mut rng) = (start.clone(), Rng::with_seed(seed));
            parts(&mut list, &start, &mut rng);
            list.concat()
        };
        let different = (0..500).filter(|seed| changed(*seed) != start.concat()).count();
        assert!(different > 400, "{different}");
        assert!((0..500).all(|seed| changed(seed) == changed(seed)));
        assert!((0..500).all(|seed| changed(seed).len() <= LONGEST));
    }
}
