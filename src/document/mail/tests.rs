use super::*;
use crate::document::recorder::Recorder;
use crate::source::Memory;

fn decoded(mail: &str) -> Recorder {
    let source: Arc<dyn ReadAt> = Arc::new(Memory(mail.as_bytes().to_vec()));
    let mut recorder = Recorder::default();
    decode(&source, &mut recorder);
    recorder
}

const NESTED: &str = "From: a@b\r\nSubject: =?utf-8?Q?one=20?=\r\n =?utf-8?Q?two?=\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"o u t\"\r\n\r\npreamble\r\n\
    --o u t\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n\
    --in\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    Schl=FCssel=3Dab=\r\ncd\r\n\
    --in\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\neDwvYj4=\r\n--in--\r\n\
    --o u t\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n\
    --o u t\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\
    Content-Disposition: attachment; filename*=utf-8''%C3%A4.zip\r\n\r\nUEsDBA==\r\n\
    --o u t--\r\nepilogue\r\n";

// Expected values by Python's email with policy.default.
#[test]
fn a_mail_in_all_its_parts() {
    let mail = decoded(NESTED);
    let text = mail.text();
    assert!(text.contains("Subject: one two\n"), "{text}");
    assert_eq!(mail.place("one two"), Some("header Subject"));
    assert_eq!(mail.place("Schlüssel=abcd\r\n"), Some("body"));
    assert_eq!(mail.place("inner\n"), Some("attached message 1, header Subject"));
    assert_eq!(mail.place("inner text"), Some("attached message 1, body 2"));
    assert_eq!(mail.member("body.html").as_deref(), Some("<b>x</b>"));
    assert_eq!(mail.member("ä.zip").as_deref(), Some("PK\x03\x04"));
    assert_eq!((mail.members.len(), mail.gaps.len()), (2, 0));
}

#[test]
fn a_plain_mail() {
    let mail = decoded("From: a\nTo: b\nno header\n\nbody text");
    assert_eq!(mail.text(), "From: a\nTo: b\nno header\n\nbody text\n");
    let mail = decoded("From: a\nTo: b\nContent-Type: text/plain; format=flowed; delsp=yes\n\nab \ncd\nef\n");
    assert_eq!(mail.text().lines().last(), Some("ef"));
    assert!(mail.text().contains("\nabcd\n"));
}

#[test]
fn what_is_encrypted_or_cut_off_is_told() {
    let enveloped =
        "From: a\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx";
    assert_eq!(decoded(enveloped).gaps, [(Reason::Encrypted, "the message is encrypted".to_owned())]);
    let cut = decoded(&NESTED[..NESTED.len() - 20]);
    assert_eq!(cut.gaps.first().map(|(reason, _)| *reason), Some(Reason::Truncated));
}

#[test]
fn mails_within_mails_without_end() {
    let deep = "Content-Type: message/rfc822\n\n".repeat(50_000);
    assert!(decoded(&deep).text().len() > deep.len() / 2);
    let open = |level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n");
    let deep: String = (0..5000).map(open).collect();
    let gaps = decoded(&deep).gaps;
    assert_eq!(
        gaps.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(),
        [Reason::BudgetDepth, Reason::Truncated]
    );
}

#[test]
fn mails_are_told_from_other_texts() {
    for mail in [
        "From: a@b\nTo: c@d\n\ntext",
        "Delivered-To: a@b\r\nReceived: by 2002:a05 with SMTP\r\n",
        "X-Account-Key: account1\nReturn-Path: <a@b>\nSubject: x\n\ty\n\n",
        "Mbox-From: a@b Mon Jun 01 10:00:00 2009\nMessage-ID: <x>\nDate: y\nFrom: a\n\n",
        NESTED,
    ] {
        assert!(begins(mail.as_bytes()), "{mail}");
    }
    for other in [
        "HTTP/1.1 200 OK\nDate: x\nContent-Type: text/plain\n\n",
        "Date: x\nContent-Type: text/plain\nServer: y\n\n",
        "from: a\nto: b\nsubject: c\n",
        "GET / HTTP/1.1\nHost: x\nFrom: y\nTo: z\n\n",
        "name: x\nsteps:\n  - Subject: y\n",
        "{\"From\": \"a\",\n\"To\": \"b\"}\n",
        "Subject: only\nthis is a text\n",
        "",
    ] {
        assert!(!begins(other.as_bytes()), "{other}");
    }
}

#[test]
fn damaged_mails_are_read_without_a_panic() {
    let mut seed: u32 = 7;
    let mut next = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); // Numerical Recipes' generator
        (seed >> 8) as usize
    };
    for _ in 0..2000 {
        let mut bytes = NESTED.as_bytes().to_vec();
        for _ in 0..3 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        bytes.truncate(next() % bytes.len() + 1);
        let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes));
        decode(&source, &mut Recorder::default());
    }
}
