//! What may be spent on an input, and the account of what was read and what was not.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::blob::Provenance;

/// Limits for one input (a file the walk meets, with everything that unpacks out of it), and one for all of them. They
/// are counted in work done, never by the clock, so the same input ends in the same gaps everywhere.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Containers within containers.
    pub depth: usize,
    /// Members of one container that are looked at.
    pub members: usize,
    /// Bytes that may unpack out of one input, whatever its size.
    pub expanded: u64,
    /// Bytes that may unpack out of all inputs of a run together. They are spent in the order of the walk.
    pub run_expanded: u64,
    /// How many times its own size an input may expand to, once it passed [`Budget::ratio_floor`].
    pub ratio: u64,
    /// Bytes that may unpack before the ratio counts.
    pub ratio_floor: u64,
    /// The largest blob held whole in memory, in bytes; larger ones are scanned in windows.
    pub whole: usize,
    /// Bytes scanned at a time where a blob is streamed.
    pub window: usize,
    /// Findings of one blob that are kept; the rest is counted in a gap.
    pub findings: usize,
    /// Decoding steps on top of each other.
    pub layers: usize,
    /// Bytes that may be decoded out of one blob, as a multiple of its size (and at least 1 MiB).
    pub decoded_ratio: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            depth: 12,
            members: 200_000,
            expanded: 64 << 30,
            run_expanded: 1 << 40,
            ratio: 64,
            ratio_floor: 128 << 20,
            whole: 32 << 20,
            window: 1 << 20,
            findings: 1000,
            layers: 8,
            decoded_ratio: 4,
        }
    }
}

impl Budget {
    /// The bytes that an input of `size` bytes may expand to.
    pub fn allowance(&self, size: u64) -> Allowance {
        Allowance::new(self.expanded.min(self.ratio_floor.max(size.saturating_mul(self.ratio))))
    }
}

/// What is left of the whole run's expanded bytes, and of its time; shared by all inputs.
///
/// Threads race for it, so when it is used up nobody can tell who came too late. Then the run is done once more in the
/// order of the walk.
#[derive(Debug)]
pub struct Funds {
    left: AtomicU64,
    over: AtomicBool,
    deadline: Option<Instant>,
    stop: Option<Arc<AtomicBool>>,
}

impl Funds {
    /// `bytes` to spend, until some time.
    pub fn new(bytes: u64, deadline: Option<Instant>) -> Self {
        Self { left: AtomicU64::new(bytes), over: AtomicBool::new(false), deadline, stop: None }
    }

    /// The same, until somebody sets the flag.
    #[must_use]
    pub fn unless(self, stop: Option<Arc<AtomicBool>>) -> Self {
        Self { stop, ..self }
    }

    /// How many bytes are left.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Whether more was wanted than there is.
    pub fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Whether the time is over, or somebody ended it.
    pub fn late(&self) -> bool {
        self.stopped() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Why the time is over, if it is.
    pub fn late_reason(&self) -> Reason {
        if self.stopped() { Reason::Interrupted } else { Reason::Deadline }
    }

    fn stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Takes bytes; if there are fewer, they are all gone.
    fn take(&self, bytes: u64) -> bool {
        let take = |left: u64| Some(left.saturating_sub(bytes));
        let (Ok(before) | Err(before)) = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if before < bytes {
            self.over.store(true, Ordering::Relaxed);
        }
        before >= bytes
    }
}

/// What is left of an input's expanded bytes; shared by the threads that unpack it.
///
/// Threads race for the last bytes, so an input that runs out is scanned once more by one thread, whose cut is the
/// same everywhere; [`Allowance::exhausted`] tells.
#[derive(Debug)]
pub struct Allowance {
    left: AtomicU64,
    exhausted: AtomicBool,
    late: AtomicBool,
    funds: Option<Arc<Funds>>,
    by_run: bool,
}

impl Allowance {
    /// `bytes` to spend.
    pub fn new(bytes: u64) -> Self {
        let (exhausted, late) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { left: AtomicU64::new(bytes), exhausted, late, funds: None, by_run: false }
    }

    /// The same out of what the whole run has. With `in_order` nobody else spends of that meanwhile, so that what is left
    /// of it is what this input has at most.
    #[must_use]
    pub fn out_of(mut self, funds: &Arc<Funds>, in_order: bool) -> Self {
        let left = funds.left.load(Ordering::Relaxed);
        if in_order && left < *self.left.get_mut() {
            *self.left.get_mut() = left;
            self.by_run = true;
        }
        self.funds = Some(funds.clone());
        self
    }

    /// Takes `bytes` if that many are left; otherwise takes nothing and marks the allowance as exhausted.
    pub fn take(&self, bytes: u64) -> bool {
        let take = |left: u64| left.checked_sub(bytes);
        let taken = !self.is_late()
            && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
            && self.paid(bytes);
        if !taken {
            self.exhausted.store(true, Ordering::Relaxed);
        }
        taken
    }

    /// Takes `bytes`, or what is left if that is less; then the allowance is marked as exhausted. Returns what was
    /// taken, so that a stream is cut at the same byte however it is read.
    pub fn take_up_to(&self, bytes: u64) -> u64 {
        if self.is_late() {
            self.exhausted.store(true, Ordering::Relaxed);
            return 0;
        }
        let take = |left: u64| Some(left.saturating_sub(bytes));
        let (Ok(before) | Err(before)) = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let granted = before.min(bytes);
        let paid = self.paid(granted);
        if before < bytes || !paid {
            self.exhausted.store(true, Ordering::Relaxed);
        }
        granted
    }

    /// Whether some request was refused.
    pub fn exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// Whether some request was refused since the time of the run is over.
    pub fn late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    /// Why the time is over, if it is.
    pub fn late_reason(&self) -> Reason {
        self.funds.as_ref().map_or(Reason::Deadline, |funds| funds.late_reason())
    }

    /// Whether it is the run's limit that is felt first, not the input's own.
    pub fn by_run(&self) -> bool {
        self.by_run
    }

    fn is_late(&self) -> bool {
        let late = self.funds.as_ref().is_some_and(|funds| funds.late());
        if late {
            self.late.store(true, Ordering::Relaxed);
        }
        late
    }

    /// Takes what was granted out of what the run has.
    fn paid(&self, bytes: u64) -> bool {
        self.funds.as_ref().is_none_or(|funds| funds.take(bytes))
    }
}

/// Why something was not read, or not read whole. The names are part of the output's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A password is needed.
    Encrypted,
    /// The bytes contradict their format, or a checksum.
    Corrupt,
    /// The bytes end before the format says so.
    Truncated,
    /// A format or method that cannot be opened.
    Unsupported,
    /// Too many containers within containers, or layers on layers.
    BudgetDepth,
    /// Too many members.
    BudgetMembers,
    /// Too many bytes.
    BudgetBytes,
    /// It expands to too many times its size.
    BudgetRatio,
    /// More findings than are kept of one blob; the rest was counted.
    TooManyFindings,
    /// The system refused: permissions, an I/O error, no regular file.
    Unreadable,
    /// It changed while it was read.
    Changed,
    /// The last guard against time.
    Deadline,
    /// Somebody ended the run before its end.
    Interrupted,
    /// A decoder panicked.
    DecoderFailed,
}

impl From<io::ErrorKind> for Reason {
    /// What a stream's error means: decoders say by its kind what is wrong with the bytes.
    fn from(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            io::ErrorKind::InvalidData => Self::Corrupt,
            io::ErrorKind::Unsupported => Self::Unsupported,
            io::ErrorKind::OutOfMemory => Self::BudgetBytes,
            _ => Self::Unreadable,
        }
    }
}

impl Reason {
    /// Every reason.
    pub const ALL: &[Self] = &[
        Self::Encrypted,
        Self::Corrupt,
        Self::Truncated,
        Self::Unsupported,
        Self::BudgetDepth,
        Self::BudgetMembers,
        Self::BudgetBytes,
        Self::BudgetRatio,
        Self::TooManyFindings,
        Self::Unreadable,
        Self::Changed,
        Self::Deadline,
        Self::Interrupted,
        Self::DecoderFailed,
    ];

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }

    /// The name in reports, e.g. `budget-ratio`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Corrupt => "corrupt",
            Self::Truncated => "truncated",
            Self::Unsupported => "unsupported",
            Self::BudgetDepth => "budget-depth",
            Self::BudgetMembers => "budget-members",
            Self::BudgetBytes => "budget-bytes",
            Self::BudgetRatio => "budget-ratio",
            Self::TooManyFindings => "too-many-findings",
            Self::Unreadable => "unreadable",
            Self::Changed => "changed",
            Self::Deadline => "deadline",
            Self::Interrupted => "interrupted",
            Self::DecoderFailed => "decoder-failed",
        }
    }
}

/// Something that was not read, or not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What.
    pub provenance: Provenance,
    /// Why.
    pub reason: Reason,
    /// In words, lower case, without a full stop; comes from outside in part, so it is shown masked.
    pub detail: String,
    /// How many bytes were left out (as stored in their container), where that is known.
    pub bytes: Option<u64>,
}

impl Gap {
    /// A gap of unknown size.
    pub fn new(provenance: &Provenance, reason: Reason, detail: impl Into<String>) -> Self {
        Self { provenance: provenance.clone(), reason, detail: detail.into(), bytes: None }
    }

    /// The same with the number of bytes left out.
    #[must_use]
    pub fn sized(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }
}

/// What was read, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Files of the walk that were opened.
    pub files: u64,
    /// Members of containers that were looked at.
    pub members: u64,
    /// Bytes that were scanned, unpacked ones included.
    pub bytes: u64,
    /// Paths that an option left out.
    pub excluded: u64,
    /// Symbolic links that were not followed.
    pub links: u64,
    /// What was not read, in the order of the walk.
    pub gaps: Vec<Gap>,
}

impl Coverage {
    /// Adds the account of a later part.
    pub fn extend(&mut self, later: Coverage) {
        self.files += later.files;
        self.members += later.members;
        self.bytes += later.bytes;
        self.excluded += later.excluded;
        self.links += later.links;
        self.gaps.extend(later.gaps);
    }
}
