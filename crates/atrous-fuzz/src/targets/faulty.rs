//! Readers with a fault, to see that it is found. They are not among the targets that run.

use crate::format::Text;
use crate::target::{Place, Target, file, plain};

/// One reader for each kind of fault.
pub(super) static FAULTY: [&Target; 8] = [
    &faulty("faulty_panic", |place| {
        assert!(place.bytes.starts_with(b"valid"), "not valid");
        Ok(())
    }),
    &faulty("faulty_overflow", |place| {
        let sum = place.bytes.iter().fold(0u8, |sum, byte| sum + (byte & 3));
        if sum > 0 { Ok(()) } else { Err(format!("{}: nothing", place.path.display())) }
    }),
    &faulty("faulty_memory", |place| {
        let size = if place.bytes == VALID { 1 } else { 300 << 20 };
        drop(std::hint::black_box(vec![0u8; size]));
        Ok(())
    }),
    &faulty("faulty_message", |place| if place.bytes == VALID { Ok(()) } else { Err("not valid".to_owned()) }),
    &Target { sealed: true, ..faulty("faulty_damage", |_| Ok(())) },
    &faulty("faulty_abort", |place| if place.bytes == VALID { Ok(()) } else { std::process::abort() }),
    &faulty("faulty_stack", |place| {
        if place.bytes != VALID {
            deep(place.bytes);
        }
        Ok(())
    }),
    &faulty("faulty_print", |place| {
        if place.bytes != VALID {
            println!("hello");
        }
        Ok(())
    }),
];

const VALID: &[u8] = b"valid input of 40 bytes, with some words";

const fn faulty(name: &'static str, read: fn(&Place) -> Result<(), String>) -> Target {
    plain(name, "nothing: it has a fault", &Text, file(|| "input.txt".into()), || vec![VALID.to_vec()], read)
}

/// Calls itself until the stack ends, unless there are no bytes.
fn deep(bytes: &[u8]) -> usize {
    if bytes.is_empty() {
        return 0;
    }
    let copy = std::hint::black_box([bytes.len(); 64]);
    copy[0] + deep(std::hint::black_box(bytes)) + copy[1]
}
