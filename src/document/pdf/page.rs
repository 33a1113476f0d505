//! Pages: glyphs with their places → lines. What stands side by side is one word, however many strings and moves it was
//! shown with; a gap is a blank, and another line is another line.

use std::collections::{BTreeMap, BTreeSet};

use hayro_interpret::font::{Glyph, GlyphRun, PositionedGlyph};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::{Array, MaybeRef, Object, ObjectIdentifier, Stream};
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, interpret_page,
};

use crate::document::text::Writer;

/// A gap that is a blank, in heights of the font. Writers that leave blanks out move by a quarter.
const BLANK: f64 = 0.2;

/// How far another line is away, in heights of the font.
const LINE: f64 = 0.5;

/// Units of a glyph in the height of its font.
const UNITS: f64 = 1000.0;

/// What the pages told of objects.
#[derive(Default)]
pub(super) struct Seen {
    /// Pages by the objects that belong to them: the page itself, its annotations.
    pub(super) pages: BTreeMap<(u32, i32), usize>,
    /// Streams whose text was given.
    pub(super) shown: BTreeSet<(u32, i32)>,
}

/// An object's number as a key.
pub(super) fn key(id: ObjectIdentifier) -> (u32, i32) {
    (id.obj_number, id.gen_number)
}

/// Writes the text of all pages.
pub(super) fn give(pdf: &Pdf, writer: &mut Writer) -> Seen {
    let mut seen = Seen::default();
    let cache = InterpreterCache::new();
    for (number, page) in pdf.pages().iter().enumerate() {
        if !writer.wanted() {
            break;
        }
        writer.landmark(format!("page {}", number + 1));
        let area = Rect::new(0.0, 0.0, 1.0, 1.0);
        let settings = InterpreterSettings::default();
        let mut context = Context::new(Affine::IDENTITY, area, &cache, pdf.xref(), settings);
        let mut lines = Lines::new(writer);
        interpret_page(page, &mut context, &mut lines);
        let glyphs = lines.finish();
        note(page, number + 1, glyphs > 0 && !pdf.xref().has_optional_content_groups(), &mut seen);
    }
    writer.flush();
    seen
}

/// Writes down what belongs to a page.
fn note(page: &Page, number: usize, has_text: bool, seen: &mut Seen) {
    let raw = page.raw();
    seen.pages.extend(raw.obj_id().map(|id| (key(id), number)));
    let annotations = raw.get::<Array>("Annots").into_iter().flat_map(|array| array.raw_iter());
    for annotation in annotations {
        if let MaybeRef::Ref(annotation) = annotation {
            seen.pages.insert(key(annotation.into()), number);
        }
    }
    if !has_text {
        return; // then its streams are looked at as they are
    }
    match raw.get::<Object>("Contents") {
        Some(Object::Stream(stream)) => {
            seen.shown.insert(key(stream.obj_id()));
        }
        Some(Object::Array(streams)) => {
            seen.shown.extend(streams.iter::<Stream>().map(|stream| key(stream.obj_id())));
        }
        _ => {}
    }
}

/// Where a glyph ends, and how large it is.
struct End {
    place: Point,
    /// Along the line, of length 1.
    along: Vec2,
    height: f64,
}

/// A device that writes text.
struct Lines<'w, 's> {
    writer: &'w mut Writer<'s>,
    text: String,
    end: Option<End>,
    /// Where the last run began: what is filled and then stroked comes twice.
    begun: Option<Point>,
    glyphs: usize,
}

impl<'w, 's> Lines<'w, 's> {
    fn new(writer: &'w mut Writer<'s>) -> Self {
        Self { writer, text: String::new(), end: None, begun: None, glyphs: 0 }
    }

    fn finish(mut self) -> usize {
        self.give();
        self.writer.end_line();
        self.glyphs
    }

    fn give(&mut self) {
        self.writer.push(self.text.as_bytes());
        self.text.clear();
    }

    fn glyph(&mut self, glyph: &PositionedGlyph, transform: Affine, vertical: bool) {
        let transform = transform * glyph.transform();
        let place = transform * Point::ZERO;
        let width = match &**glyph {
            Glyph::Outline(glyph) => glyph.advance_width(),
            Glyph::Type3(glyph) => glyph.advance_width(),
        };
        let of = |x, y| transform * Point::new(x, y) - place;
        let (right, up) = (of(UNITS, 0.0), of(0.0, UNITS));
        let height = up.hypot().max(f64::MIN_POSITIVE);
        let along = if vertical { -up } else { right };
        let width = if vertical { UNITS } else { width.map_or(UNITS / 2.0, f64::from) };
        self.separate(place, height);
        self.write(glyph);
        let length = along.hypot();
        let along = if length > 0.0 { along / length } else { Vec2::new(1.0, 0.0) };
        self.end = Some(End { place: place + along * (length * width / UNITS), along, height });
    }

    /// Writes what stands between the last glyph and the next one.
    fn separate(&mut self, place: Point, height: f64) {
        let Some(end) = &self.end else { return };
        let gap = place - end.place;
        let height = height.max(end.height);
        let (along, across) = (gap.dot(end.along), gap.cross(end.along).abs());
        if across > LINE * height || along < -LINE * height {
            self.text.push('\n');
            self.give();
        } else if along > BLANK * height && !self.text.ends_with(char::is_whitespace) {
            self.text.push(' ');
        }
    }

    fn write(&mut self, glyph: &Glyph) {
        self.glyphs += 1;
        match glyph.as_unicode() {
            Some(BfString::Char(character)) => self.character(character),
            Some(BfString::String(text)) => text.chars().for_each(|character| self.character(character)),
            // Without any name for it, a code of ASCII is most often what it says.
            None => {
                let code = u8::try_from(glyph.char_code()).ok().filter(|code| matches!(code, b' '..=b'~'));
                self.text.push(code.map_or(char::REPLACEMENT_CHARACTER, char::from));
            }
        }
    }

    /// Ligatures are the letters that they join (Unicode, Alphabetic Presentation Forms).
    fn character(&mut self, character: char) {
        match character {
            '\u{fb00}' => self.text.push_str("ff"),
            '\u{fb01}' => self.text.push_str("fi"),
            '\u{fb02}' => self.text.push_str("fl"),
            '\u{fb03}' => self.text.push_str("ffi"),
            '\u{fb04}' => self.text.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => self.text.push_str("st"),
            '\u{a0}' => self.text.push(' '),
            '\u{ad}' | '\0' => {}
            character => self.text.push(character),
        }
    }
}

impl<'a> Device<'a> for Lines<'_, '_> {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        let begun = run.glyphs().first().map(|glyph| props.transform * glyph.transform() * Point::ZERO);
        if matches!(mode, DrawMode::Stroke(_)) && begun == self.begun {
            return;
        }
        self.begun = begun;
        let vertical = matches!(run.writing_mode(), WritingMode::Vertical);
        for glyph in run.glyphs() {
            self.glyph(glyph, props.transform, vertical);
        }
        if self.text.len() >= 64 << 10 {
            self.give();
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
