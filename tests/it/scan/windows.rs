//! A stream gives the findings of the whole, whatever its windows.

use std::io::{self, Read};

use keysieve::blob::{Alone, Provenance};
use keysieve::budget::Budget;
use keysieve::detect::Detectors;
use keysieve::scan::{self, Scanner, Scratch};
use keysieve::signature::built_in;
use proptest::prelude::*;
use serde_json::json;

use crate::common::{NOW, Random, SCANNER, Short, findings, jwt, pem, short, token};

/// Gives a few bytes at a time, as pipes do.
struct Trickle<'a> {
    bytes: &'a [u8],
    most: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.most).min(self.bytes.len());
        buffer[..length].copy_from_slice(&self.bytes[..length]);
        self.bytes = &self.bytes[length..];
        Ok(length)
    }
}

fn stream(text: &[u8], scanner: &Scanner, most: usize) -> Vec<Short> {
    let mut reopen = || Ok(Box::new(io::Cursor::new(text.to_vec())) as Box<dyn Read>);
    let mut reader = Trickle { bytes: text, most };
    let provenance = Provenance::file("test");
    let found = scan::stream(&provenance, &mut reader, &mut reopen, &Alone, scanner, &mut Scratch::default());
    assert_eq!((found.bytes, found.gaps), (text.len() as u64, vec![]));
    found.findings.iter().map(short).collect()
}

fn with_window(window: usize) -> Scanner {
    Scanner {
        detectors: Detectors::new(built_in().iter().collect()),
        budget: Budget { window, ..Budget::default() },
        now: SCANNER.now,
        worker: None,
    }
}

/// One credential of a kind in what usually stands around it: one finding.
fn planted(kind: usize, number: u64, random: &mut Random) -> String {
    match kind {
        0 => format!("GITHUB_TOKEN={}\n", token("github-personal-access-token", number)),
        1 => json!({"name": "X-Api-Key", "value": random.alnum(40)}).to_string(),
        2 => json!({"value": random.alnum(32), "type": "string", "name": "apiKey"}).to_string(),
        3 => format!("\npostgres://app:{}@db.example.com:5432/app\n", random.alnum(18)),
        4 => format!("Server=tcp:db.example.com;Database=x;User ID=sa;Password={};\n", random.alnum(14)),
        5 => pem(600, random),
        6 => pem(11_000, random),
        7 => json!({"private_key": pem(1200, random)}).to_string(),
        8 => format!("\"{}\"", jwt(&json!({"sub": number.to_string(), "exp": NOW + 1_000_000}), random)),
        9 => {
            let pair = format!("user{number}:{}", random.alnum(20));
            format!("Authorization: Basic {}\n", data_encoding::BASE64.encode(pair.as_bytes()))
        }
        10 => json!({"body": json!({"password": random.alnum(12)}).to_string()}).to_string(),
        11 => json!({"note": token("slack-bot-token", number)}).to_string().replace('-', "\\u002d"),
        12 => {
            let before = "words of no meaning. ".repeat(random.below(3000));
            let document = json!({"before": before, "key": token("openai-project-key", number)}).to_string();
            format!("\"{}\"\n", data_encoding::BASE64.encode(document.as_bytes()))
        }
        13 => {
            let id = token("aws-access-key-id", number);
            json!({"accessKeyId": id, "secretAccessKey": token("aws-secret-access-key", number)}).to_string()
        }
        _ => format!("https://hooks.example.com/?sig={}&x=1", random.alnum(43)),
    }
}

const KINDS: usize = 15;

/// Nothing that is a credential, in lines short and long.
fn filler(length: usize, random: &mut Random) -> String {
    let mut text = String::with_capacity(length + 200);
    while text.len() < length {
        match random.below(6) {
            0 => text.push_str("{\"id\":\"b048b3e4-8113-4fca-8e04-844989bc215d\",\"position\":[240,300]},"),
            1 => text.push_str("Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy.\n"),
            2 => text.push_str(&"0123456789 ".repeat(random.below(30))),
            3 => text.push_str(
                "\"headerParameters\": {\"parameters\": [{\"name\": \"Accept\", \"value\": \"*/*\"}]},\n",
            ),
            4 => text.extend(std::iter::repeat_n('-', random.below(400))),
            _ => text.push_str("\\n  const value = items[0].json.body; // and so on\\n"),
        }
    }
    text
}

#[test]
fn each_planted_kind_is_found() {
    for kind in 0..KINDS {
        let random = &mut Random(kind as u64);
        let text = planted(kind, 7, random);
        let found: Vec<_> = findings(&text).iter().map(short).collect();
        assert_eq!(found.len(), 1, "kind {kind}: {text}: {found:?}");
    }
}

/// Windows of 64 KiB begin at each multiple of that; the base64 begins so many bytes before.
#[test]
fn base64_that_begins_right_before_a_window_keeps_its_groups() {
    let key = token("openai-project-key", 1);
    let document = json!({"before": "words of no meaning. ".repeat(2000), "key": key}).to_string();
    let plant = data_encoding::BASE64.encode(document.as_bytes());
    let dots = ". ".repeat(65_536);
    for before in [0, 1, 2, 3, 17, 49, 63, 64, 65] {
        let text = format!("{}{plant} and so on. {dots}", &dots[before..]);
        let whole: Vec<Short> = findings(&text).iter().map(short).collect();
        assert_eq!(whole.len(), 1, "{before}");
        assert_eq!(stream(text.as_bytes(), &with_window(64 << 10), 1 << 20), whole, "{before}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_change_nothing(
        seed in any::<u64>(),
        gaps in proptest::collection::vec((0..60_000_usize, 0..KINDS), 12..40),
        windows in proptest::collection::vec(65_536..=1_048_576_usize, 2),
        most in 1000..200_000_usize,
    ) {
        let random = &mut Random(seed);
        let (mut text, mut plants) = (filler(64_000, random), Vec::new());
        for (number, (gap, kind)) in gaps.into_iter().enumerate() {
            let plant = planted(kind, number as u64, random);
            plants.push(text.len()..text.len() + plant.len());
            text.push_str(&plant);
            text.push_str(&filler(gap.max(3000), random));
        }
        text.push_str(&filler(200_000_usize.saturating_sub(text.len()), random));
        let whole: Vec<Short> = findings(&text).iter().map(short).collect();
        for plant in &plants {
            let within = whole.iter().filter(|(_, _, span)| plant.start <= span.start && span.end <= plant.end);
            prop_assert_eq!(within.count(), 1, "{}", &text[plant.clone()]);
        }
        prop_assert_eq!(whole.len(), plants.len());
        for window in windows.into_iter().chain([64 << 10]) {
            let streamed = stream(text.as_bytes(), &with_window(window), most);
            prop_assert_eq!(&streamed, &whole, "window {}", window);
        }
    }
}

#[test]
fn windows_change_nothing_in_utf16() {
    let random = &mut Random(5);
    let mut text = filler(90_000, random);
    for kind in [0, 1, 3, 5, 8, 13] {
        text.push_str(&planted(kind, 3, random));
        text.push_str(&filler(20_000, random));
    }
    for to_bytes in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        for mark in ["", "\u{feff}"] {
            let bytes: Vec<u8> = format!("{mark}{text}").encode_utf16().flat_map(to_bytes).collect();
            let whole: Vec<Short> = findings(&bytes).iter().map(short).collect();
            assert_eq!(whole.len(), 6);
            assert_eq!(stream(&bytes, &with_window(64 << 10), 10_000), whole);
        }
    }
}
