//! Placeholders: values that stand where a secret should go (`YOUR_API_KEY`, `xxxx`, `<token>`, vendors' samples).
//!
//! Words count on word borders only, and never beside a long mixed run of letters and digits: matching them anywhere
//! dismissed 6 % of long random tokens.

use super::words::{
    FILLERS, NOTHING, NOUNS, REPLACE, REPLACE_ANYWHERE, SAMPLES, TRIALS, bare, has_noun, lists, runs,
    spelled, words,
};

/// A test and why a value that passes it is a placeholder.
type Check = (fn(&[u8]) -> bool, &'static str);

/// Returns why the value is a placeholder, if it is one.
pub fn placeholder(value: &[u8]) -> Option<&'static str> {
    let value = bare(value);
    let checks: [Check; 7] = [
        (is_nothing, "no value"),
        (is_sample, "documentation sample"),
        (is_repeated, "repeated characters"),
        (is_sequential, "sequential characters"),
        (is_bracketed, "angle brackets"),
        (has_placeholder_words, "placeholder word"),
        (is_variable_name, "name of a variable"),
    ];
    checks.iter().find(|(holds, _)| holds(value)).map(|&(_, why)| why)
}

/// Nothing, a word for it, or only marks.
fn is_nothing(value: &[u8]) -> bool {
    let content = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    lists(NOTHING, value) || value.len() < 8 && !value.iter().any(content)
}

/// AWS ends its samples in `EXAMPLE` or `EXAMPLEKEY`.
fn is_sample(value: &[u8]) -> bool {
    value.ends_with(b"EXAMPLE")
        || value.ends_with(b"EXAMPLEKEY")
        || SAMPLES.iter().any(|sample| value.ends_with(sample.as_bytes()))
}

/// Masks, one or two characters for all, or a short piece again and again.
fn is_repeated(value: &[u8]) -> bool {
    let body = value.strip_prefix(b"0x").unwrap_or(value);
    is_masked(value) || has_few_characters(body) || is_periodic(body) || has_long_run(body)
}

/// `****`, `xxxx`, `••••`, or an ellipsis at the end.
fn is_masked(value: &[u8]) -> bool {
    let masks: [&[u8]; 4] = [b"****", b"xxxx", b"XXXX", "•••".as_bytes()];
    let dots: [&[u8]; 2] = [b"...", "…".as_bytes()];
    masks.iter().any(|mask| memchr::memmem::find(value, mask).is_some())
        || dots.iter().any(|dots| value.ends_with(dots))
}

/// At most two different letters or digits in the whole, or only one in each of its runs (`XXXX-YYYY-ZZZZ`).
fn has_few_characters(value: &[u8]) -> bool {
    let mut seen = 0u128;
    for byte in value.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        seen |= 1 << byte.to_ascii_lowercase();
    }
    let same = |run: &[u8]| run.len() >= 3 && run.iter().all(|byte| byte.eq_ignore_ascii_case(&run[0]));
    let mut letters = runs(value).peekable();
    letters.peek().is_some() && (value.len() >= 6 && seen.count_ones() <= 2 || letters.all(same))
}

/// The same piece at least twice, and nothing else.
fn is_periodic(value: &[u8]) -> bool {
    let repeats = |period: usize| value[period..].iter().zip(value).all(|(byte, before)| byte == before);
    let longest = (value.len() / 2).min(32);
    value.len() >= 12 && (1..=longest).any(repeats)
}

/// One character for more than half, six times or more in a row.
fn has_long_run(value: &[u8]) -> bool {
    let longest = value.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0);
    longest >= 6 && longest * 2 > value.len()
}

/// The longest run of letters and digits counts up or down, or along a row of the keyboard; or every second character
/// does (`a1b2c3`).
fn is_sequential(value: &[u8]) -> bool {
    let Some(run) = runs(value).max_by_key(|run| run.len()).filter(|run| run.len() >= 6) else {
        return is_counted(value);
    };
    let steps = run.windows(2).filter(|pair| is_step(pair[0], pair[1])).count();
    let interleaved = run.windows(3).filter(|three| counts_up(three[0], three[2])).count();
    let is_most = run.len() * 5 >= runs(value).map(<[u8]>::len).sum::<usize>() * 3;
    is_most && (steps * 4 >= (run.len() - 1) * 3 || interleaved * 4 >= (run.len() - 2) * 3)
        || has_alphabet(value)
        || is_typed(value)
}

/// Short, and nothing but pieces that count: `abcd-1234`, `ABC_xyz_123`.
fn is_counted(value: &[u8]) -> bool {
    let mut pieces = value.split(|byte| !byte.is_ascii_alphanumeric());
    let counts = |piece: &[u8]| piece.len() >= 3 && piece.windows(2).all(|pair| counts_up(pair[0], pair[1]));
    value.len() <= 20 && pieces.all(counts)
}

/// Ten characters of the alphabet, or digits, in a row somewhere: of random ones that is not to be had.
fn has_alphabet(value: &[u8]) -> bool {
    const LONGEST: usize = 10;
    let letters_or_digits = |a: &u8, b: &u8| counts_up(*a, *b) && (*b != b'a' || *a != b'9');
    value.chunk_by(letters_or_digits).any(|row| row.len() >= LONGEST)
}

/// Long, and of every two steps at least one goes to the next character, piece by piece: `abc123def456ghi789`.
fn is_typed(value: &[u8]) -> bool {
    const LONG: usize = 20;
    let steps = value.windows(2).filter(|pair| counts_up(pair[0], pair[1])).count();
    value.len() >= LONG && steps * 2 >= value.len()
}

fn is_step(from: u8, to: u8) -> bool {
    const KEYBOARD: &[u8] = b"qwertyuiop asdfghjkl zxcvbnm";
    let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
    counts_up(from, to) || counts_up(to, from) || KEYBOARD.windows(2).any(|pair| pair == [from, to])
}

fn counts_up(from: u8, to: u8) -> bool {
    let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
    from.checked_add(1) == Some(to) || matches!((from, to), (b'9', b'0' | b'a') | (b'z', b'a'))
}

/// `<token>` somewhere, or `[API KEY]` and `{key}` as a whole, with words in them.
fn is_bracketed(value: &[u8]) -> bool {
    let wholly = match value {
        [b'[', inner @ .., b']'] | [b'{', inner @ .., b'}'] => is_wording(inner),
        _ => false,
    };
    wholly || is_entity_bracketed(value) || angle_brackets(value).any(is_wording) && !has_random_run(value)
}

/// `&lt;token&gt;`: the same in XML and HTML.
fn is_entity_bracketed(value: &[u8]) -> bool {
    let inner = value.strip_prefix(b"&lt;").and_then(|rest| rest.strip_suffix(b"&gt;"));
    inner.is_some_and(is_wording)
}

/// What stands in each pair of angle brackets.
fn angle_brackets(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let behind = value.split(|byte| *byte == b'<').skip(1);
    behind.filter_map(|part| part.get(..memchr::memchr(b'>', part)?))
}

/// Letters, with the marks that join words, or those of a sentence where there are blanks; no long mixed run.
fn is_wording(inner: &[u8]) -> bool {
    let marks: &[u8] = if inner.contains(&b' ') { b" _-./'\",:;()!?" } else { b"_-./'\":" };
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || marks.contains(byte) || *byte >= 0x80;
    let letters = inner.iter().filter(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
    letters >= 2 && inner.iter().all(allowed) && !has_random_run(inner)
}

/// `POSTIZ_KEY`: capitals in several words, the last of which is what a credential is called.
fn is_variable_name(value: &[u8]) -> bool {
    let capitals = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let last = value.rsplit(|&byte| byte == b'_').next().unwrap_or_default();
    value.contains(&b'_') && value.iter().all(capitals) && lists(NOUNS, last) && !has_random_run(value)
}

/// A word that asks to be replaced, or nothing but words that name a credential.
fn has_placeholder_words(value: &[u8]) -> bool {
    !has_random_run(value)
        && (asks_to_be_replaced(value) || only_names_itself(value) || ends_in_a_name(value))
}

fn asks_to_be_replaced(value: &[u8]) -> bool {
    let replace = |word: &[u8]| lists(REPLACE, word) || is_request(word);
    let mut pairs = words(value).zip(words(value).skip(1));
    words(value).any(replace)
        || pairs.any(|(first, second)| is_request_pair(first, second))
        || REPLACE_ANYWHERE.iter().any(|word| memchr::memmem::find(value, word.as_bytes()).is_some())
}

/// Words written together, of which the first asks: `YOURAPITOKEN`.
fn is_request(word: &[u8]) -> bool {
    let asked =
        |ask: &&str| word.get(..ask.len()).is_some_and(|head| head.eq_ignore_ascii_case(ask.as_bytes()));
    let ask = ["your", "insert", "replace", "paste"].into_iter().find(|ask| asked(ask));
    ask.is_some_and(|ask| spelled(&word[ask.len()..], &[NOUNS, FILLERS]))
}

/// `change me`, `key here`.
fn is_request_pair(first: &[u8], second: &[u8]) -> bool {
    let change = lists(&["change"], first) && lists(&["me", "this", "it"], second);
    let here = lists(NOUNS, first) && lists(&["here"], second);
    change || here
}

/// Only words of the lists, one of them what a credential is called or a trial word. Digits (at most four) only beside
/// a trial word: `test123` holds no secret, `password123` may well be one.
fn only_names_itself(value: &[u8]) -> bool {
    let (mut named, mut trial, mut digits) = (false, false, 0);
    for word in words(value) {
        if word[0].is_ascii_digit() {
            digits += word.len();
            continue;
        }
        if !lists(TRIALS, word) && !spelled(word, &[NOUNS, FILLERS, TRIALS]) {
            return false;
        }
        trial |= lists(TRIALS, word);
        named |= has_noun(word);
    }
    let joined = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b" _-.'\"".contains(byte));
    joined && (digits == 0 && (named || trial) || digits <= 4 && trial)
}

/// Words without digits, the last two of which name a credential: `imgbb_api_key`, `Threads App Secret`.
fn ends_in_a_name(value: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphabetic() || b" _-.".contains(byte);
    let last_two = words(value).fold((&[][..], &[][..]), |(_, before), word| (before, word));
    value.iter().all(allowed) && lists(FILLERS, last_two.0) && lists(NOUNS, last_two.1)
}

/// Whether sixteen or more letters and digits stand together with both among them: too much like a secret for a word
/// beside it to outweigh.
fn has_random_run(value: &[u8]) -> bool {
    let mixed = |run: &[u8]| run.iter().any(u8::is_ascii_digit) && run.iter().any(u8::is_ascii_alphabetic);
    runs(value).any(|run| run.len() >= 16 && mixed(run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(why: Option<&str>, values: &[&str]) {
        for value in values {
            assert_eq!(placeholder(value.as_bytes()), why, "{value}");
        }
    }

    #[test]
    fn brackets_as_entities() {
        assert!(is_bracketed(b"&lt;token&gt;"));
        assert!(!is_bracketed(b"&lt;token"));
    }

    #[test]
    fn words_that_ask() {
        check(
            Some("placeholder word"),
            &[
                "YOUR_API_KEY",
                "your-api-key-here",
                "YourApiKey",
                "changeme",
                "change-me",
                "tvly-YOUR_API_TEXT",
                "Bearer YOUR_TOKEN",
                "=Bearer YOUR_TOKEN_HERE",
                "INSERT_KEY_PLEASE",
                "REPLACE_ME",
                "replace-with-value",
                "example",
                "dummy",
                "test123",
                "YOURAPITOKEN",
                "PASTE_YOUR_ALPHA_VANTAGE_KEY_HERE",
                "[REDACTED] 12",
                "Bearer 你的飞书应用Token",
                "\"your-rapid-api-key\"",
                "PUT-API-KEY-HERE",
                "sk-your-openai-key",
            ],
        );
    }

    #[test]
    fn values_that_only_name_themselves() {
        check(
            Some("placeholder word"),
            &[
                "api_key",
                "somekey",
                "mypassword",
                "secretToken",
                "CLIENTSECRET",
                "randomSecretString",
                "target_host_password",
            ],
        );
        check(Some("name of a variable"), &["PROXY_AUTH", "POSTIZ_KEY"]);
    }

    #[test]
    fn repeated() {
        check(
            Some("repeated characters"),
            &[
                "xxxxx",
                "glpat-xxxxxxxxxxxxxxxxxxxx",
                "Bearer ********",
                "000000",
                "XXXX-YYYY-ZZZZ-XXXX",
                "sk-...",
                "APY*****",
                "abcabcabcabc",
                "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE",
                "sk-…",
                "aaaaaaaab",
            ],
        );
    }

    #[test]
    fn sequential() {
        check(
            Some("sequential characters"),
            &[
                "abcdef123456",
                "1234567890",
                "a1b2c3d4e5f6g7h8",
                "sk-1234567890abcdef",
                "abc123",
                "654321",
                "0123456789abcdef0123456789ABCDEE",
                "qwertyuiop",
                "abcd-1234",
            ],
        );
    }

    #[test]
    fn brackets() {
        check(
            Some("angle brackets"),
            &[
                "<token>",
                "Bearer <KEY>",
                "[API KEY]",
                "{key}",
                "[CENSORED]",
                "key=<the key>",
                "exc_<alnum:32>",
                "<[a-z]:4>Q~<alnum:12>",
            ],
        );
    }

    #[test]
    fn samples_of_documentation() {
        check(
            Some("documentation sample"),
            &[
                "AKIAIOSFODNN7EXAMPLE",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ],
        );
        check(Some("no value"), &["", "Bearer ", "Bearer undefined", "null"]);
    }

    #[test]
    fn secrets_stand() {
        check(
            None,
            &[
                "3UXMD9AQU9IHP0TDQDY7W25C2WSIVC",
                "sjU9V7SxH2BN2eYZc7Dahe",
                "pa$$w0rd%1",
                "Summer2024!",
                "password123",
                "D+EdQ-gs$-%@2Nu7",
                "your4f8a9c0e7b2d6135",
                "n8n-rocks!",
                "Tr0ub4dor&3",
                "correct horse battery staple",
                "=959c2b17-8f41-4cb7-92aa-8c2d1f5e7a60",
            ],
        );
    }

    /// Of `count` strings of the alphabet, how many are dismissed; a fixed xorshift generator, so that it is the same each time.
    fn dismissed(alphabet: &[u8], count: usize) -> usize {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) as usize
        };
        let mut string = |len| (0..len).map(|_| alphabet[next() % alphabet.len()]).collect::<Vec<u8>>();
        (0..count).filter(|n| placeholder(&string(16 + n % 49)).is_some()).count()
    }

    #[test]
    fn random_tokens_are_not_dismissed() {
        let alphabets: [&[u8]; 6] = [
            b"0123456789abcdef",
            b"0123456789ABCDEF",
            b"abcdefghijklmnopqrstuvwxyz0123456789",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        ];
        for alphabet in alphabets {
            assert!(dismissed(alphabet, 20_000) < 20, "{}", String::from_utf8_lossy(alphabet));
        }
    }

    proptest! {
        #[test]
        fn takes_any_bytes(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            placeholder(&value);
        }

        #[test]
        fn takes_any_text(value in "[a-zA-Z0-9<>{}=\\[\\]*._ -]{0,60}") {
            placeholder(value.as_bytes());
        }
    }
}
