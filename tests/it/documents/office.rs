//! Office documents made here, part by part as ECMA-376 and ISO/IEC 26300 have them, scanned as files.

use std::io::Write;

use keysieve::engine::{self, Input, Options, Unwatched};
use keysieve::finding::Finding;
use zip::write::SimpleFileOptions;

use crate::common::{Random, SCANNER, token, value};

/// A zip of these members.
fn package(members: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in members {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a member");
        zip.write_all(text.as_bytes()).expect("memory");
    }
    zip.finish().expect("a zip").into_inner()
}

fn found(bytes: &[u8]) -> Vec<Finding> {
    let input = Input::Bytes { name: "case".into(), bytes: bytes.into() };
    let outcome = engine::run(&[input], &SCANNER, &Options::default(), &Unwatched).expect("a run");
    assert!(outcome.coverage.gaps.is_empty(), "{:?}", outcome.coverage.gaps);
    outcome.findings
}

/// The last names of the findings' blobs, and their places, by secret.
fn places(findings: &[Finding], secret: &str) -> Vec<(String, Option<String>)> {
    let of = findings.iter().filter(|finding| value(finding) == secret);
    of.map(|finding| (finding.location.provenance.name().to_owned(), finding.location.landmark.clone()))
        .collect()
}

fn place(name: &str, landmark: &str) -> Vec<(String, Option<String>)> {
    vec![(name.to_owned(), Some(landmark.to_owned()))]
}

fn key(number: u64) -> String {
    token("stripe-secret-key", number)
}

const W: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";

fn runs(token: &str) -> String {
    let (left, right) = token.split_at(11);
    format!(
        "<w:p><w:r><w:t>{left}</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t xml:space=\"preserve\">{right}</w:t></w:r></w:p>"
    )
}

#[test]
fn a_text_is_told_by_paragraph_table_and_comment() {
    let keys: Vec<String> = (0..7).map(key).collect();
    let document = format!(
        "<?xml version=\"1.0\"?><w:document {W}><w:body><w:p/><w:p/>{}<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>\
         <w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr><w:tr><w:tc><w:p/></w:tc><w:tc>{}</w:tc></w:tr></w:tbl>\
         <w:p><w:del w:author=\"A\"><w:r><w:delText>{}</w:delText></w:r></w:del></w:p></w:body></w:document>",
        runs(&keys[0]),
        runs(&keys[1]),
        keys[2],
    );
    let comments = format!(
        "<w:comments {W}><w:comment w:id=\"0\" w:author=\"Jo Doe\">{}</w:comment></w:comments>",
        runs(&keys[3])
    );
    let header = format!("<w:hdr {W}>{}</w:hdr>", runs(&keys[4]));
    let relations = format!(
        "<Relationships><Relationship Id=\"rId1\" Target=\"https://x.example/?a=1&amp;k={}\"/></Relationships>",
        keys[5]
    );
    let core = format!("<cp:coreProperties><dc:description>{}</dc:description></cp:coreProperties>", keys[6]);
    let bytes = package(&[
        ("[Content_Types].xml", "<Types/>"),
        ("word/document.xml", &document),
        ("word/comments.xml", &comments),
        ("word/header1.xml", &header),
        ("word/_rels/document.xml.rels", &relations),
        ("docProps/core.xml", &core),
    ]);
    let found = found(&bytes);
    for (number, name, landmark) in [
        (0, "document.xml", "paragraph 3"),
        (1, "document.xml", "table 2, row 2, cell 2"),
        (2, "document.xml", "paragraph 4, tracked deletion"),
        (3, "comments.xml", "comment by \"Jo Doe\""),
        (4, "header1.xml", "header"),
        (5, "document.xml.rels", "target of a link"),
        (6, "core.xml", "document properties"),
    ] {
        assert_eq!(places(&found, &keys[number]), place(name, landmark), "{number}");
    }
}

/// A workbook: `Start` without anything, `Keys` with heads, `Old` hidden.
pub(crate) fn workbook(shared: &str, keys: &str, old: &str) -> Vec<u8> {
    package(&[
        ("[Content_Types].xml", "<Types/>"),
        (
            "xl/workbook.xml",
            "<workbook xmlns:r=\"r\"><sheets><sheet name=\"Start\" sheetId=\"1\" r:id=\"rId1\"/><sheet name=\"Keys\" \
             sheetId=\"2\" r:id=\"rId2\"/><sheet name=\"Old &amp; gone\" sheetId=\"3\" state=\"hidden\" r:id=\"rId3\"/></sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships><Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" \
             Target=\"/xl/worksheets/sheet2.xml\"/><Relationship Id=\"rId3\" Target=\"worksheets/sheet3.xml\"/></Relationships>",
        ),
        ("xl/worksheets/sheet1.xml", "<worksheet><sheetData/></worksheet>"),
        ("xl/worksheets/sheet2.xml", keys),
        ("xl/worksheets/sheet3.xml", old),
        ("xl/sharedStrings.xml", shared),
    ])
}

#[test]
fn a_cell_is_told_by_its_sheet_and_named_by_its_column() {
    let [first, second] = [key(1), key(2)];
    let (left, right) = second.split_at(12);
    let password = Random(4).alnum(5) + "-Xk9";
    let shared = format!(
        "<sst><si><t>System</t></si><si><t>Password</t></si><si><t>Billing</t></si><si><t>{password}</t></si>\
         <si><t>{first}</t></si><si><r><t>{left}</t></r><r><rPr><b/></rPr><t>{right}</t></r></si></sst>"
    );
    let keys = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c></row>\
                <row r=\"2\"><c r=\"A2\" t=\"s\"><v>2</v></c><c r=\"B2\" t=\"s\"><v>3</v></c></row>\
                <row r=\"7\"><c r=\"AA7\" t=\"s\"><v>4</v></c></row></sheetData></worksheet>";
    let inline = key(3);
    let old = format!(
        "<worksheet><sheetData><row r=\"1\"><c r=\"C3\" t=\"inlineStr\"><is><t>{inline}</t></is></c>\
         <c r=\"D3\" t=\"s\"><v>5</v></c></row></sheetData></worksheet>"
    );
    let found = found(&workbook(&shared, keys, &old));
    assert_eq!(places(&found, &first), place("sharedStrings.xml", "sheet \"Keys\", cell AA7"));
    assert_eq!(places(&found, &second), place("sharedStrings.xml", "sheet \"Old & gone\" (hidden), cell D3"));
    assert_eq!(places(&found, &inline), place("sheet3.xml", "sheet \"Old & gone\" (hidden), cell C3"));
    assert_eq!(places(&found, &password), place("(sheets)", "sheet \"Keys\", cell B2"));
    assert_eq!(found.len(), 4);
}

#[test]
fn a_slide_is_told_by_its_place_in_the_presentation() {
    let [slide, notes] = [key(1), key(2)];
    let text = |root: &str, token: &str| {
        let (left, right) = token.split_at(9);
        format!(
            "<p:{root} xmlns:a=\"a\" xmlns:p=\"p\"><a:p><a:r><a:rPr/><a:t>{left}</a:t></a:r><a:r><a:t>{right}</a:t></a:r></a:p></p:{root}>"
        )
    };
    let bytes = package(&[
        (
            "ppt/presentation.xml",
            "<p:presentation xmlns:r=\"r\"><p:sldIdLst><p:sldId id=\"256\" r:id=\"rId9\"/><p:sldId id=\"257\" r:id=\"rId2\"/></p:sldIdLst></p:presentation>",
        ),
        (
            "ppt/_rels/presentation.xml.rels",
            "<Relationships><Relationship Id=\"rId2\" Target=\"slides/slide1.xml\"/><Relationship Id=\"rId9\" Target=\"slides/slide2.xml\"/></Relationships>",
        ),
        ("ppt/slides/slide1.xml", &text("sld show=\"0\"", &slide).replace("</p:sld show=\"0\">", "</p:sld>")),
        ("ppt/slides/slide2.xml", "<p:sld/>"),
        ("ppt/notesSlides/notesSlide1.xml", &text("notes", &notes)),
        (
            "ppt/notesSlides/_rels/notesSlide1.xml.rels",
            "<Relationships><Relationship Id=\"rId1\" Target=\"../slides/slide2.xml\"/></Relationships>",
        ),
    ]);
    let found = found(&bytes);
    assert_eq!(places(&found, &slide), place("slide1.xml", "slide 2 (hidden)"));
    assert_eq!(places(&found, &notes), place("notesSlide1.xml", "slide 1, notes"));
}

#[test]
fn open_documents_have_paragraphs_cells_and_slides() {
    let [text, sheet, slide] = [key(1), key(2), key(3)];
    let (left, right) = text.split_at(9);
    let content = |body: &str| {
        package(&[
            ("mimetype", "application/x"),
            (
                "content.xml",
                &format!(
                    "<office:document-content><office:body>{body}</office:body></office:document-content>"
                ),
            ),
        ])
    };
    let body = format!(
        "<office:text><text:h>x</text:h><text:p>a</text:p><text:p>{left}<text:span text:style-name=\"T1\">{right}</text:span></text:p></office:text>"
    );
    assert_eq!(places(&found(&content(&body)), &text), place("content.xml", "paragraph 3"));
    let password = Random(4).alnum(5) + "-Xk9";
    let body = format!(
        "<office:spreadsheet><table:table table:name=\"Keys\"><table:table-row table:number-rows-repeated=\"2\"><table:table-cell table:number-columns-repeated=\"3\"/></table:table-row>\
         <table:table-row><table:table-cell table:number-columns-repeated=\"2\"/><table:table-cell><text:p>{sheet}</text:p></table:table-cell></table:table-row>\
         <table:table-row><table:table-cell><text:p>Password</text:p></table:table-cell><table:table-cell><text:p>{password}</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>"
    );
    let found_sheet = found(&content(&body));
    assert_eq!(places(&found_sheet, &sheet), place("content.xml", "sheet \"Keys\", cell C3"));
    assert_eq!(places(&found_sheet, &password), place("content.xml", "sheet \"Keys\", cell B4"));
    let body = format!(
        "<office:presentation><draw:page/><draw:page><presentation:notes><text:p>{slide}</text:p></presentation:notes></draw:page></office:presentation>"
    );
    assert_eq!(places(&found(&content(&body)), &slide), place("content.xml", "slide 2, notes"));
}
