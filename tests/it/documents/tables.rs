//! Names beside values in tables, XML and YAML.

use std::fmt::Write;

use keysieve::engine::{self, Input, Options, Unwatched};

use crate::common::{Random, SCANNER, findings, value};

/// Name, value and landmark of what is found in a file of these bytes.
fn found(text: &str) -> Vec<(String, String, Option<String>)> {
    let input = Input::Bytes { name: "case".into(), bytes: text.as_bytes().into() };
    let outcome = engine::run(&[input], &SCANNER, &Options::default(), &Unwatched).expect("a run");
    let of = |finding: &keysieve::finding::Finding| {
        (finding.name.clone().unwrap_or_default(), value(finding), finding.location.landmark.clone())
    };
    outcome.findings.iter().map(of).collect()
}

#[test]
fn the_head_of_a_column_names_what_stands_below_it() {
    for separator in [",", ";", "\t", "|"] {
        let mut random = Random(3);
        let mut text = ["System", "api_key", "Password"].join(separator) + "\r\n";
        let mut expected = Vec::new();
        for row in 2..5 {
            let (key, password) = (random.alnum(40), format!("Zq7\"{}", random.alnum(9)));
            writeln!(
                text,
                "\"a{separator}b\"{separator}{key}{separator}\"{}\"\r",
                password.replace('"', "\"\"")
            )
            .expect("memory");
            expected.push(("api_key".to_owned(), key, Some(format!("row {row}, column \"api_key\""))));
            expected.push(("Password".to_owned(), password, Some(format!("row {row}, column \"Password\""))));
        }
        assert_eq!(found(&text), expected, "{text}");
    }
}

#[test]
fn the_cell_to_the_left_names_a_value() {
    let mut random = Random(5);
    for (before, behind) in [
        ("| Name | Value |\n|---|---|\n| API key | ", " |\n"),
        ("API key\t", "\n"),
        ("<html><table><tr><td>API key</td>\n<td>", "</td></tr></table>"),
        (
            "<w:document><w:tbl><w:tr><w:tc><w:p><w:r><w:t>API key</w:t></w:r></w:p></w:tc><w:tc><w:tcPr/><w:p><w:r><w:t>",
            "</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:document>",
        ),
    ] {
        let secret = random.alnum(40);
        let found = findings(format!("{before}{secret}{behind}"));
        let found: Vec<_> = found.iter().map(|finding| (finding.name.as_deref(), value(finding))).collect();
        assert_eq!(found, [(Some("API key"), secret)], "{before}");
    }
}

#[test]
fn siblings_of_xml_and_yaml() {
    let mut random = Random(7);
    for template in [
        "<a><add key=\"NAME\" value=\"VALUE\"/></a>",
        "<a><add value='VALUE' key='NAME'/></a>",
        "<a><Data Name=\"NAME\" Value=\"VALUE\"/></a>",
        "<a><property name=\"NAME\">VALUE</property></a>",
        "<a><item><name>NAME</name><value>VALUE</value></item></a>",
        "<a><item><value>VALUE</value>\n<key>NAME</key></item></a>",
        "<plist><dict><key>NAME</key>\n\t<string>VALUE</string></dict></plist>",
        "env:\n  - name: NAME\n    value: VALUE\n  - name: OTHER\n    value: x\n",
        "env:\n  - value: \"VALUE\"\n    name: \"NAME\"\n  - name: OTHER\n",
        "NAME: |\n  VALUE\n",
        "NAME: >-\n    VALUE\n",
        "<html><input type=\"hidden\" name=\"NAME\" value=\"VALUE\"></html>",
    ] {
        for (name, secret) in
            [("API_TOKEN", random.alnum(40)), ("DB_PASSWORD", format!("Zq7{}", random.alnum(7)))]
        {
            let text = template.replace("NAME", name).replace("VALUE", &secret);
            let found = findings(&text);
            let found: Vec<_> =
                found.iter().map(|finding| (finding.name.as_deref(), value(finding))).collect();
            assert_eq!(found, [(Some(name), secret)], "{text}");
        }
    }
}

#[test]
fn what_is_no_table_names_nothing() {
    for text in [
        "if (!USERNAME || !PASSWORD || !SECRET1) {}",
        "<html><meta name=\"csrf-token\" content=\"aB3xY7pQ9rS1tU5vW8zK2mN4\"></html>",
        "<p>The password\n\tis secret7 and nothing else</p>",
        "| password | Required for login2 |",
        "type T = | Kind::Password | Kind::Other2",
        "echo $PASSWORD | base64x2",
        "<id name=\"key\">4028818a4f7bb01a014f7bb02d3a0003</id>",
    ] {
        assert_eq!(findings(text).iter().map(value).collect::<Vec<_>>(), Vec::<String>::new(), "{text}");
    }
}
