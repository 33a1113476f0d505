//! What was accepted, by what, and which acceptances someone should look at.

use std::io;

use super::{GAPS_SHOWN, position, short};
use crate::report::paper::{Ink, Paper};
use crate::report::words::counted;
use crate::report::{Acceptance, NoticeState, Page, rfc3339};

/// Findings that are accepted, a line each.
pub(super) fn accepted(page: &Page, paper: &mut Paper) -> io::Result<()> {
    let accepted: Vec<_> =
        page.shown().filter_map(|reported| Some((reported, reported.accepted.as_ref()?))).collect();
    if accepted.is_empty() {
        return Ok(());
    }
    paper.heading(&format!("Accepted: {}", counted(accepted.len(), "finding")))?;
    for (reported, acceptance) in accepted.iter().take(GAPS_SHOWN) {
        let title = page.text(reported.finding.signature.description);
        let place = position(page, &reported.finding.location);
        paper.line(1, &[(Ink::Plain, &format!("{place}: {title}; by {}", said(page, acceptance)))])?;
    }
    if accepted.len() > GAPS_SHOWN {
        paper.line(1, &[(Ink::Faint, &format!("and {} more: see json", accepted.len() - GAPS_SHOWN))])?;
    }
    paper.blank()
}

/// Acceptances that have expired, or match nothing.
pub(super) fn notices(page: &Page, paper: &mut Paper) -> io::Result<()> {
    let notices = &page.report.notices;
    if notices.is_empty() {
        return Ok(());
    }
    paper.heading(&format!("Acceptances to look at: {}", notices.len()))?;
    for notice in notices.iter().take(GAPS_SHOWN) {
        let why = match notice.state {
            NoticeState::Expired => "has expired, so what it accepted counts again",
            NoticeState::Unused => "matches nothing in what was scanned",
        };
        paper.line(1, &[(Ink::Plain, &format!("{} {why}", said(page, &notice.acceptance)))])?;
    }
    if notices.len() > GAPS_SHOWN {
        paper.line(1, &[(Ink::Faint, &format!("and {} more: see json", notices.len() - GAPS_SHOWN))])?;
    }
    paper.blank()
}

/// `.keysieve.toml, line 3 (sandbox key; jane@example.org; until 2027-07-01T00:00:00Z)`
fn said(page: &Page, acceptance: &Acceptance) -> String {
    let reason = acceptance.reason.as_ref().map(|reason| short(page, reason));
    let who = acceptance.who.as_ref().map(|who| short(page, who));
    let until = acceptance.expires.and_then(rfc3339).map(|until| format!("until {until}"));
    let rest: Vec<String> = [reason, who, until].into_iter().flatten().collect();
    let by = page.text(&acceptance.by);
    if rest.is_empty() { by } else { format!("{by} ({})", rest.join("; ")) }
}
