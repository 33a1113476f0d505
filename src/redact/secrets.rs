//! The credentials of an export: findings → the names that references and placeholders call them by.

use std::collections::BTreeMap;

use crate::finding::{Finding, Secret};
use crate::scan::Needles;

/// Every distinct credential that is known, each with a name of its own.
#[derive(Default)]
pub struct Secrets {
    values: Vec<Secret>,
    names: Vec<String>,
    numbers: BTreeMap<Secret, usize>,
    /// How many have that name before a number is put behind it.
    taken: BTreeMap<String, usize>,
    needles: Needles,
    /// Where each was seen first.
    first: BTreeMap<usize, Finding>,
}

impl Secrets {
    /// Takes in the credential of a finding, with its other halves; returns its number.
    pub fn add(&mut self, finding: &Finding) -> usize {
        for part in &finding.parts {
            if let Some(secret) = &part.secret {
                self.insert(secret, &part.what);
            }
        }
        let number = self.insert(&finding.secret, finding.signature.id);
        self.first.entry(number).or_insert_with(|| finding.clone());
        number
    }

    /// The first finding of the credential of that name.
    pub(super) fn first(&self, name: &str) -> Option<&Finding> {
        self.first.get(&self.names.iter().position(|known| known == name)?)
    }

    fn insert(&mut self, secret: &Secret, what: &str) -> usize {
        if let Some(number) = self.numbers.get(secret) {
            return *number;
        }
        let number = self.values.len();
        let stem = what.replace('-', "_").to_ascii_uppercase();
        let count = self.taken.entry(stem.clone()).or_default();
        *count += 1;
        let name = if *count == 1 { stem } else { format!("{stem}_{count}") };
        self.names.push(name);
        self.values.push(secret.clone());
        self.numbers.insert(secret.clone(), number);
        number
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All values: what reports must mask.
    pub fn values(&self) -> &[Secret] {
        &self.values
    }

    /// From now on all that are known are looked for.
    pub(super) fn look_for_all(&mut self) {
        self.needles = Needles::new(&self.values);
    }

    pub(super) fn needles(&self) -> &Needles {
        &self.needles
    }

    /// The name of a credential: capitals, digits and `_`.
    pub(super) fn name(&self, number: usize) -> &str {
        self.names.get(number).map_or("SECRET", String::as_str)
    }
}

/// What stands in a secret's place where the platform has no reference: `filter::placeholder` knows it by its first word.
pub(super) fn placeholder(name: &str) -> String {
    format!("REDACTED_{name}")
}
