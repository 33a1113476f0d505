//! Reports: findings to text.
