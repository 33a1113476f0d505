//! stub
/// s
pub fn placeholder(_v: &[u8]) -> Option<&'static str> { None }
