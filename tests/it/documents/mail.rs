//! Mails and mailboxes, made here by their definitions.

use std::io::Write;

use data_encoding::BASE64_MIME;
use keysieve::budget::Reason;

use super::{TOKEN, at, places, reasons, scan};
use crate::common::token;

/// A body in quoted-printable with a token that is broken over two lines.
fn printable(number: u64) -> String {
    let token = token(TOKEN, number);
    let (head, tail) = token.split_at(17);
    format!(
        "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
             Schl=FCssel=3D{head}=\r\n{tail}\r\n"
    )
}

fn archive(name: &str, text: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("a member");
    archive.write_all(text.as_bytes()).expect("its text");
    archive.finish().expect("an archive").into_inner()
}

#[test]
fn a_mail_is_taken_apart() {
    let attached = BASE64_MIME.encode(&archive("a.txt", &format!("{}\n", token(TOKEN, 3))));
    let subject = data_encoding::BASE64.encode(format!("the key {}", token(TOKEN, 1)).as_bytes());
    let (first, second) = subject.split_at(40);
    let mail = format!(
        "Return-Path: <a@b>\r\nSubject: =?utf-8?B?{first}?=\r\n =?utf-8?B?{second}?=\r\nFrom: a@b\r\n\
         Content-Type: multipart/mixed; boundary=\"x y\"\r\n\r\n--x y\r\n{}\
         --x y\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=a.zip\r\n\r\n{attached}\r\n\
         --x y\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n{}--x y--\r\n",
        printable(2),
        printable(4),
    );
    let outcome = scan("a.eml", mail);
    assert_eq!(
        places(&outcome),
        [
            at("a.zip/a.txt: ", 3),
            at("(text): header Subject", 1),
            at("(text): body", 2),
            at("(text): attached message 1, body 2", 4),
        ]
    );
    assert_eq!(reasons(&outcome), []);
}

#[test]
fn a_mailbox_is_read_message_by_message() {
    let message =
        |number| format!("From a@b Mon Jun 01 10:00:00 2009\nFrom: a@b\nTo: c@d\n{}\n", printable(number));
    let mailbox =
        message(1) + &message(2) + "From a@b Mon Jun 01 10:00:00 2009\nFrom: a\nTo: b\n\n>From here\n";
    let expected = [at("message 1/(text): body", 1), at("message 2/(text): body", 2)];
    assert_eq!(places(&scan("a.mbox", &mailbox)), expected);
    // Longer than what is held of a stream at once.
    let filler = format!(
        "From a@b Mon Jun 01 10:00:00 2009\nFrom: a\nTo: b\n\n{}\n",
        "a line of text\n".repeat(60_000)
    );
    let long = mailbox + &filler.repeat(2) + &message(3);
    let outcome = scan("a.mbox", &long);
    assert_eq!(places(&outcome).last(), Some(&at("message 6/(text): body", 3)));
    assert_eq!((outcome.coverage.members, reasons(&outcome)), (6, vec![]));
}

#[test]
fn what_cannot_be_read_of_a_mail_is_told() {
    let head = "From: a@b\nTo: c@d\nSubject: x\n";
    let encrypted = format!("{head}Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n");
    assert_eq!(reasons(&scan("a.eml", encrypted)), [Reason::Encrypted]);
    let cut = format!("{head}Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{}\n", token(TOKEN, 1));
    let outcome = scan("a.eml", cut);
    assert_eq!((places(&outcome), reasons(&outcome)), (vec![at("(text): body", 1)], vec![Reason::Truncated]));
}
