//! A corpus out of nothing but a seed: n8n workflows and source-like text, with a few credentials planted.
//!
//! Sizes follow what public collections of n8n workflows have (median 4.5 KB, nine of ten below 65 KB, mean about
//! 22 KB), and so do the kinds of nodes: node ids are UUIDs, code stands in escaped strings, references and placeholders
//! stand where credentials could. Nothing of a credential is written down here: the random part is made with the rest.

mod workflow;

/// The generator "SplitMix64" (Steele, Lea, Flood, 2014): 64 bits of state, the same numbers on every system.
pub(crate) struct Random(u64);

impl Random {
    /// For a seed and one stream of it, so that a file does not depend on those before it.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        random.next();
        random
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of some.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// Characters of an alphabet.
    pub(crate) fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    /// `count` words of prose.
    pub(crate) fn prose(&mut self, count: usize) -> String {
        let words: Vec<_> = (0..count).map(|_| self.pick(WORDS)).collect();
        words.join(" ")
    }

    /// A UUID of version 4.
    pub(crate) fn uuid(&mut self) -> String {
        let mut hex = |length| self.text(HEX, length);
        format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
    }

    /// A size in bytes: log-normal about `median`, with `ninth` at the ninth decile, cut off at `most`.
    fn size(&mut self, median: f64, ninth: f64, most: f64) -> usize {
        // The sum of twelve uniform numbers is near enough to a normal one; the ninth decile lies at 1.2816 deviations.
        let normal = (0..12).map(|_| self.next() as f64 / u64::MAX as f64).sum::<f64>() - 6.0;
        (median * (ninth / median).powf(normal / 1.2816)).clamp(300.0, most) as usize
    }
}

pub(crate) const HEX: &[u8] = b"0123456789abcdef";
pub(crate) const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const WORDS: &[&str] = &[
    "invoice",
    "customer",
    "the",
    "of",
    "order",
    "sync",
    "to",
    "when",
    "a",
    "new",
    "row",
    "arrives",
    "in",
    "sheet",
    "send",
    "message",
    "channel",
    "with",
    "summary",
    "and",
    "update",
    "record",
    "status",
    "for",
    "each",
    "item",
    "report",
    "weekly",
    "team",
    "lead",
    "contact",
    "if",
    "not",
    "empty",
    "create",
    "ticket",
    "priority",
    "response",
    "data",
    "from",
    "webhook",
    "schedule",
    "every",
    "morning",
    "filter",
    "merge",
    "split",
    "batch",
    "file",
    "upload",
    "folder",
    "mail",
    "attachment",
    "calendar",
    "event",
    "approve",
    "request",
    "manager",
    "notify",
    "retry",
    "error",
];

/// A file of the corpus.
pub(crate) struct File {
    /// Its path within the corpus, with `/`.
    pub(crate) path: String,
    /// What stands in it.
    pub(crate) bytes: Vec<u8>,
    /// Credentials that were planted in it.
    pub(crate) planted: usize,
}

/// One workflow in so many has credentials planted.
const PLANTED_IN: usize = 40;

/// Returns workflows until they have `bytes` bytes together; the same for the same seed.
pub(crate) fn workflows(seed: u64, bytes: usize) -> Vec<File> {
    fill(bytes, |number| {
        let random = &mut Random::new(seed, number);
        let size = random.size(4_500.0, 65_000.0, 320_000.0);
        let plant = random.once_in(PLANTED_IN);
        let workflow = workflow::make(random, size, plant);
        File { path: format!("n8n/{:02}/workflow-{number:05}.json", number % 50), ..workflow }
    })
}

/// Returns source-like files until they have `bytes` bytes together; the same for the same seed. Nothing is planted.
pub(crate) fn sources(seed: u64, bytes: usize) -> Vec<File> {
    fill(bytes, |number| {
        let random = &mut Random::new(!seed, number);
        let size = random.size(1_250.0, 8_000.0, 400_000.0);
        let mut text = String::with_capacity(size + 200);
        while text.len() < size {
            function(random, &mut text);
        }
        let path = format!("source/{:02}/{}{number}.ts", number % 40, random.pick(WORDS));
        File { path, bytes: text.into_bytes(), planted: 0 }
    })
}

/// Returns one workflow without a credential, of `size` bytes or a tenth more or less.
pub(crate) fn clean_workflow(seed: u64, size: usize) -> File {
    let made = |number| workflow::make(&mut Random::new(seed, u64::MAX - number), size, false);
    let near = |file: &File| file.bytes.len().abs_diff(size) < size / 10;
    let file = (0..).map(made).find(near).expect("sizes scatter around what was asked for");
    File { path: "clean.json".to_owned(), ..file }
}

fn fill(bytes: usize, make: impl Fn(u64) -> File) -> Vec<File> {
    let mut files = Vec::new();
    let mut made = 0;
    while made < bytes {
        let file = make(files.len() as u64);
        made += file.bytes.len();
        files.push(file);
    }
    files
}

/// A function as a programmer might write it.
fn function(random: &mut Random, text: &mut String) {
    let [name, argument, local] = [3, 2, 2].map(|words| identifier(random, words));
    let module = random.pick(WORDS);
    *text += &format!("import {{ {name} }} from '../{module}/{}.service';\n\n", random.pick(WORDS));
    *text += &format!("/** {}. */\n", random.prose(9));
    *text += &format!("export async function {name}({argument}: string): Promise<void> {{\n");
    for _ in 0..1 + random.below(8) {
        let called = identifier(random, 3);
        *text += &match random.below(5) {
            0 => format!("\t// {}\n", random.prose(8)),
            1 => format!("\tconst {local} = await this.{called}({argument}, {});\n", random.below(1000)),
            2 => format!("\tif ({local} === '{}') {{\n\t\treturn {called}();\n\t}}\n", random.pick(WORDS)),
            3 => format!("\tthrow new ApplicationError('{}', {{ level: 'warning' }});\n", random.prose(5)),
            _ => format!(
                "\tthis.logger.debug(`{} ${{{local}}}`, {{ id: '{}' }});\n",
                random.prose(3),
                random.uuid()
            ),
        };
    }
    *text += "}\n\n";
}

/// A name in camel case.
fn identifier(random: &mut Random, words: usize) -> String {
    let mut name = random.pick(WORDS).to_owned();
    for _ in 1..words {
        let word = random.pick(WORDS);
        name += &word[..1].to_uppercase();
        name += &word[1..];
    }
    name
}
