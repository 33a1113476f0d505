//! stub
/// s
pub struct Randomness { /// r
 pub is_random: bool }
/// s
pub fn score(v: &[u8]) -> Randomness { Randomness { is_random: v.iter().filter(|b| b.is_ascii_digit()).count() > 2 } }
