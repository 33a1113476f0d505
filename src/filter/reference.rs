//! stub
/// s
pub fn reference(_v: &[u8]) -> Option<&'static str> { None }
