//! Placement of tensors in banks: largest first, then improved by trying other orders.

use std::collections::HashSet;

use super::request::{Request, lower_bound};

/// The place of every tensor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Bytes of each bank.
    pub banks: Vec<u64>,
    /// Bank and offset of each request.
    pub places: Vec<(usize, u64)>,
}

impl Assignment {
    /// Bytes of all banks.
    pub fn total(&self) -> u64 {
        self.banks.iter().sum()
    }
}

/// Number of variations that are tried after the greedy placement, times the square of the number of tensors: large
/// plans try fewer, since each takes longer.
const WORK: usize = 20_000_000;
/// Least and largest number of variations.
const ROUNDS: [usize; 2] = [400, 4000];
/// How much larger than the current placement a variation may be to replace it, as a fraction of the lower bound.
/// Decreases to 0 over the rounds. Accepting worse placements lets the search leave local minima.
const SLACK: f64 = 0.02;
/// Number of banks, unless a legal placement needs more.
const USUAL_BANKS: usize = 4;

/// Largest cost of keeping `apart` pairs in separate banks, as a fraction of the lower bound. If it costs more, they
/// may share a bank.
const APART: f64 = 0.03;

/// Places tensors such that no two that are alive at the same time overlap and no pair of `never` shares a bank. No
/// pair of `apart` shares a bank either, unless that takes more than 3 % above the lower bound. Pairs are indices of
/// `requests`.
///
/// Tensors are placed largest first, each in the bank that grows least. Then single tensors, mostly those at the end of
/// a bank, are placed earlier or in another bank; such a change is kept if it saves memory or costs little. The result
/// is the same for the same requests.
///
/// Offsets are multiples of `alignment` bytes. Banks have at most `max_bank` bytes. A request larger than that gets a
/// bank of its own; the caller must refuse it.
pub fn assign(
    requests: &[Request],
    apart: &[(usize, usize)],
    never: &[(usize, usize)],
    alignment: u64,
    max_bank: u64,
) -> Assignment {
    let sizes: Vec<u64> = requests.iter().map(|r| r.bytes.next_multiple_of(alignment)).collect();
    let aligned: Vec<Request> = requests.iter().zip(&sizes).map(|(r, s)| Request { bytes: *s, ..*r }).collect();
    let bound = lower_bound(&aligned);
    let mut problem = Problem::new(requests, &sizes, [apart, never], max_bank);
    let separate = search(&problem, bound);
    if separate.total() as f64 <= (1.0 + APART) * bound as f64 {
        return separate;
    }
    problem.strict = false;
    let shared = search(&problem, bound);
    if shared.total() < separate.total() { shared } else { separate }
}

/// The smallest placement found among variations of the greedy one.
fn search(problem: &Problem<'_>, bound: u64) -> Assignment {
    let (requests, sizes) = (problem.requests, problem.sizes);
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(sizes[i]), requests[i].first));
    let mut wishes: Vec<Option<usize>> = vec![None; requests.len()];
    let first = problem.place(&order, &wishes, &Assignment::default(), 0, u64::MAX);
    let mut now = first.expect("u64::MAX bytes are never passed");
    let mut best = now.clone();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let rounds = (WORK / requests.len().pow(2).max(1)).clamp(ROUNDS[0], ROUNDS[1]);
    for round in 0..rounds {
        if best.total() <= bound || order.len() < 2 {
            break;
        }
        let tops = problem.at_the_top(&now);
        let varied = if random.below(4) == 0 { random.below(order.len()) } else { tops[random.below(tops.len())] };
        let (mut other_order, mut other_wishes) = (order.clone(), wishes.clone());
        if random.below(4) > 0 {
            let from = order.iter().position(|&i| i == varied).unwrap_or(0);
            other_order.remove(from);
            other_order.insert(random.below(from + 1), varied);
        }
        let wish = Some(random.below(USUAL_BANKS + 1)).filter(|bank| *bank < USUAL_BANKS);
        match random.below(4) {
            0 | 1 => {}
            2 => other_wishes[varied] = wish,
            // Several banks may end with tensors of one size. All of these must move before the banks shrink.
            _ => tops.iter().filter(|i| sizes[**i] == sizes[varied]).for_each(|i| other_wishes[*i] = wish),
        }
        // Tensors before the first change in the order keep their places.
        let same = |k: &usize| order[*k] == other_order[*k] && wishes[order[*k]] == other_wishes[order[*k]];
        let keep = (0..order.len()).take_while(same).count();
        let slack = SLACK * (1.0 - round as f64 / rounds as f64) * random.below(1024) as f64 / 1024.0;
        let most = now.total() + (bound as f64 * slack) as u64;
        if let Some(candidate) = problem.place(&other_order, &other_wishes, &now, keep, most) {
            (now, order, wishes) = (candidate, other_order, other_wishes);
            if now.total() < best.total() {
                best = now.clone();
            }
        }
    }
    best
}

/// Marsaglia's xorshift64. Any generator would do; the fixed seed makes placements reproducible.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}

/// A bank that is being filled.
#[derive(Clone, Debug, Default)]
struct Bank {
    bytes: u64,
    /// Placed tensors, sorted by offset: first byte, the byte after the last, and the request.
    tensors: Vec<(u64, u64, Request)>,
}

impl Bank {
    fn insert(&mut self, offset: u64, size: u64, request: Request) {
        let at = self.tensors.partition_point(|(from, ..)| *from < offset);
        self.tensors.insert(at, (offset, offset + size, request));
        self.bytes = self.bytes.max(offset + size);
    }

    /// The tightest gap of `size` bytes between tensors that are alive at the same time, else the end of the last of
    /// them. Returns the offset and the bytes of the gap that stay unused.
    fn gap(&self, size: u64, request: &Request) -> (u64, u64) {
        let (mut end, mut best) = (0, None::<(u64, u64)>);
        for (from, to, _) in self.tensors.iter().filter(|(.., other)| other.overlaps(request)) {
            if *from >= end + size {
                let waste = from - end - size;
                if best.is_none_or(|(_, w)| waste < w) {
                    best = Some((end, waste));
                }
            }
            end = end.max(*to);
        }
        best.unwrap_or((end, 0))
    }
}

struct Problem<'a> {
    requests: &'a [Request],
    sizes: &'a [u64],
    /// For each request: the requests that should (`apart`) and that must (`never`) lie in other banks.
    apart: Vec<Vec<usize>>,
    never: Vec<Vec<usize>>,
    max_bank: u64,
    /// Whether `apart` is enforced. If not, it only decides between banks that grow by the same amount.
    strict: bool,
}

impl<'a> Problem<'a> {
    fn new(requests: &'a [Request], sizes: &'a [u64], pairs: [&[(usize, usize)]; 2], max_bank: u64) -> Self {
        let [apart, never] = pairs.map(|pairs| {
            let mut others = vec![Vec::new(); requests.len()];
            let unique: HashSet<(usize, usize)> = pairs.iter().map(|&(a, b)| (a.min(b), a.max(b))).collect();
            for (a, b) in unique {
                others[a].push(b);
                others[b].push(a);
            }
            others
        });
        Self { requests, sizes, apart, never, max_bank, strict: true }
    }

    /// Places tensors in this order, each in its wished bank if that is legal, else in the bank that grows least. The
    /// first `keep` tensors stay where `before` has them. `None` if the banks exceed `most` bytes.
    fn place(
        &self,
        order: &[usize],
        wishes: &[Option<usize>],
        before: &Assignment,
        keep: usize,
        most: u64,
    ) -> Option<Assignment> {
        let mut banks: Vec<Bank> = Vec::new();
        let mut places: Vec<Option<(usize, u64)>> = vec![None; self.sizes.len()];
        for &i in &order[..keep] {
            let (bank, offset) = before.places[i];
            banks.resize(banks.len().max(bank + 1), Bank::default());
            banks[bank].insert(offset, self.sizes[i], self.requests[i]);
            places[i] = Some((bank, offset));
        }
        let mut total = banks.iter().map(|bank| bank.bytes).sum::<u64>();
        for &i in &order[keep..] {
            let (size, wish, request) = (self.sizes[i], wishes[i], self.requests[i]);
            let mut conflicts = vec![0; banks.len()];
            self.apart[i].iter().filter_map(|&j| places[j]).for_each(|(bank, _)| conflicts[bank] += 1);
            let forbidden = |bank| self.never[i].iter().any(|&j| places[j].is_some_and(|(b, _)| b == bank));
            let legal = (0..banks.len()).filter(|&bank| !(forbidden(bank) || self.strict && conflicts[bank] > 0));
            let fitting = legal.filter_map(|bank| {
                let (offset, waste) = banks[bank].gap(size, &request);
                let growth = (offset + size).saturating_sub(banks[bank].bytes);
                let option = (wish != Some(bank), growth, conflicts[bank], waste, bank, offset);
                (offset + size <= self.max_bank).then_some(option)
            });
            let best = fitting.min();
            let room = banks.len() < USUAL_BANKS;
            let wished = wish.is_some_and(|w| w >= banks.len());
            // If a bank grows by the whole tensor, a new bank is as good and has no conflicts.
            let crowded = best.is_some_and(|(_, growth, conflicts, ..)| growth == size && conflicts > 0);
            let opens = room && (wished || crowded);
            let (growth, bank, offset) = match best {
                Some((_, growth, _, _, bank, offset)) if !opens => (growth, bank, offset),
                _ => {
                    banks.push(Bank::default());
                    (size, banks.len() - 1, 0)
                }
            };
            total += growth;
            if total > most {
                return None;
            }
            banks[bank].insert(offset, size, request);
            places[i] = Some((bank, offset));
        }
        let banks = banks.iter().map(|bank| bank.bytes).collect();
        Some(Assignment { banks, places: places.into_iter().flatten().collect() })
    }

    /// Tensors that end where their bank ends.
    fn at_the_top(&self, a: &Assignment) -> Vec<usize> {
        (0..self.sizes.len()).filter(|&i| a.places[i].1 + self.sizes[i] == a.banks[a.places[i].0]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(sizes: &[u64]) -> (Vec<Request>, Vec<(usize, usize)>) {
        let requests = sizes.iter().enumerate().map(|(i, &bytes)| Request { bytes, first: i, last: i + 1 }).collect();
        (requests, (1..sizes.len()).map(|i| (i - 1, i)).collect())
    }

    fn check(requests: &[Request], conflicts: &[(usize, usize)], a: &Assignment) {
        for (i, r) in requests.iter().enumerate() {
            let (bank, offset) = a.places[i];
            assert!(offset + r.bytes <= a.banks[bank]);
            for (j, other) in requests.iter().enumerate().skip(i + 1) {
                let (b, o) = a.places[j];
                let apart = b != bank || offset + r.bytes <= o || o + other.bytes <= offset;
                assert!(apart || !r.overlaps(other), "{i} and {j} overlap");
            }
        }
        for (i, j) in conflicts {
            assert_ne!(a.places[*i].0, a.places[*j].0, "{i} and {j} share a bank");
        }
    }

    #[test]
    fn a_chain_takes_two_banks_and_the_lower_bound() {
        let (requests, conflicts) = chain(&[1024; 20]);
        let a = assign(&requests, &conflicts, &[], 256, 1 << 30);
        check(&requests, &conflicts, &a);
        assert_eq!((a.banks.len(), a.total()), (2, 2048));
        assert_eq!(lower_bound(&requests), 2048);
    }

    #[test]
    fn offsets_are_aligned_and_banks_limited() {
        let requests: Vec<Request> = (0..9).map(|i| Request { bytes: 100 + i, first: 0, last: 1 }).collect();
        let a = assign(&requests, &[], &[], 256, 512);
        check(&requests, &[], &a);
        assert!(a.places.iter().all(|(_, o)| o % 256 == 0));
        assert!(a.banks.iter().all(|b| *b <= 512));
    }

    #[test]
    fn odd_cycles_of_conflicts_are_coloured() {
        let requests = vec![Request { bytes: 256, first: 0, last: 9 }; 5];
        let conflicts = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)];
        check(&requests, &conflicts, &assign(&requests, &[], &conflicts, 256, 1 << 20));
    }

    #[test]
    fn what_should_be_apart_shares_a_bank_where_that_saves_much() {
        let request = |bytes, first, last| Request { bytes, first, last };
        // Requests 1 and 3 do not overlap in time, but both overlap request 2. If all are apart, each needs a bank.
        let requests = [request(4096, 0, 9), request(2048, 1, 2), request(2048, 2, 3), request(2048, 3, 4)];
        let pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (2, 3), (1, 3)];
        let (apart, shared) =
            (assign(&requests, &[], &pairs, 256, 1 << 20), assign(&requests, &pairs, &[], 256, 1 << 20));
        check(&requests, &pairs, &apart);
        check(&requests, &[], &shared);
        assert_eq!([apart.total(), shared.total()], [10_240, 8192]);
    }

    #[test]
    fn random_graphs_are_placed_without_overlap() {
        let mut seed = 7_u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for _ in 0..20 {
            let requests: Vec<Request> =
                (0..60).map(|i| Request { bytes: 1 + next(5000), first: i, last: i + 1 + next(8) as usize }).collect();
            let conflicts: Vec<(usize, usize)> =
                (1..60).map(|i| (i - 1 - next(i as u64 % 3 + 1).min(i as u64 - 1) as usize, i)).collect();
            check(&requests, &conflicts, &assign(&requests, &[], &conflicts, 256, 1 << 20));
        }
    }
}
