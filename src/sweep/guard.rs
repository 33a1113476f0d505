//! Self-defence: the threads that read what strangers wrote give up the right to write and to reach a network.
//!
//! With Landlock, as far as the kernel has it (<https://docs.kernel.org/userspace-api/landlock.html>); elsewhere nothing
//! happens. It holds for the calling thread and for all that it starts, decoders' processes included.

/// Gives up writing and the network, but for `/dev/null`; whether the kernel does it, wholly or in part.
#[cfg(target_os = "linux")]
pub(super) fn read_only() -> bool {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetStatus,
    };

    let restrict = || -> Result<RulesetStatus, landlock::RulesetError> {
        let writing = AccessFs::from_write(ABI::V5);
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(writing)?
            .handle_access(AccessNet::from_all(ABI::V5))?
            .create()?;
        if let Ok(null) = PathFd::new("/dev/null") {
            rules = rules.add_rule(PathBeneath::new(null, AccessFs::WriteFile | AccessFs::Truncate))?;
        }
        Ok(rules.restrict_self()?.ruleset)
    };
    restrict().is_ok_and(|status| status != RulesetStatus::NotEnforced)
}

/// Gives up nothing: only Linux has Landlock.
#[cfg(not(target_os = "linux"))]
pub(super) fn read_only() -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_guarded_thread_reads_but_does_not_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "a").unwrap();
        let there = path.clone();
        let (guarded, read, written) = std::thread::spawn(move || {
            let guarded = super::read_only();
            (guarded, std::fs::read(&there).is_ok(), std::fs::write(&there, "b").is_ok())
        })
        .join()
        .unwrap();
        assert!(read);
        assert_eq!(written, !guarded, "the kernel has Landlock: {guarded}");
        assert!(std::fs::write(&path, "c").is_ok(), "this thread is free");
    }
}
