//! Values that only their name betrays, in each grammar that puts a name beside a value.

use serde_json::json;

use crate::common::{Random, findings, place, short, value};

/// A value that no vendor's shape fits.
fn secret(number: u64) -> String {
    Random(number).alnum(41)
}

/// The value is the one finding, at its own bytes, and by this name.
fn check(text: &str, value: &str, name: &str) {
    let found = findings(text);
    let seen: Vec<_> = found.iter().map(short).map(|(_, value, span)| (value, span)).collect();
    assert_eq!(seen, [(value.to_owned(), place(text, value))], "{text}");
    assert_eq!(found[0].name.as_deref(), Some(name), "{text}");
}

/// The text as the value of a JSON string, so many times.
fn nested(text: &str, times: usize) -> String {
    (0..times).fold(text.to_owned(), |text, _| json!({"document": text}).to_string())
}

#[test]
fn members() {
    for (number, name) in ["apiKey", "X-Api-Key", "client_secret", "Authorization", "accessToken", "MY_TOKEN"]
        .into_iter()
        .enumerate()
    {
        let value = secret(number as u64);
        for depth in 0..4 {
            check(&nested(&json!({"a": 1, name: value, "b": [true]}).to_string(), depth), &value, name);
        }
    }
}

#[test]
fn siblings_in_either_order() {
    let mut number = 100;
    for (naming, neutral) in
        [("name", "value"), ("key", "value"), ("p", "to"), ("k", "v"), ("displayName", "defaultValue")]
    {
        for depth in 0..4 {
            number += 1;
            let value = secret(number);
            let pair = [
                format!(r#"[{{"{naming}": "X-Api-Key", "{neutral}": "{value}"}}]"#),
                format!(r#"[{{"{neutral}": "{value}", "{naming}": "X-Api-Key"}}]"#),
                format!(
                    r#"[{{"id": 7, "{naming}": "X-Api-Key", "list": [1, {{"x": "}}"}}], "{neutral}": "{value}"}}]"#
                ),
                format!(
                    "[{{\n  \"{neutral}\": \"{value}\",\n  \"type\": null,\n  \"{naming}\": \"X-Api-Key\"\n}}]"
                ),
            ];
            for text in pair {
                check(&nested(&text, depth), &value, "X-Api-Key");
            }
        }
    }
}

/// The name of one object is not the name of the next one's value.
#[test]
fn siblings_of_other_objects_are_none() {
    let value = secret(200);
    let text = json!([{"name": "X-Api-Key", "value": ""}, {"name": "X-Trace", "value": value}]);
    assert_eq!(findings(text.to_string()).len(), 0);
    let text = json!([{"name": "X-Trace", "value": value}, {"name": "X-Api-Key", "value": ""}]);
    assert_eq!(findings(text.to_string()).len(), 0);
}

#[test]
fn pairs_in_lists() {
    let value = secret(300);
    for depth in 0..4 {
        check(
            &nested(&json!({"headers": [["Accept", "*/*"], ["X-Api-Key", value]]}).to_string(), depth),
            &value,
            "X-Api-Key",
        );
    }
    check(&format!("headers.append('X-Api-Key', '{value}')"), &value, "X-Api-Key");
}

#[test]
fn short_passwords() {
    // Too short for a run, and no digit: a word inside the name leads to it.
    for (number, name) in
        ["password", "DB_PASSWORD", "userPasswd", "Passwort", "smtpPwd", "senha"].into_iter().enumerate()
    {
        let value: String = format!("{}!", Random(number as u64).alnum(9));
        for depth in 0..3 {
            check(&nested(&json!({name: value}).to_string(), depth), &value, name);
            check(&nested(&json!({"name": name, "value": value}).to_string(), depth), &value, name);
        }
        check(&format!("{name}={value}\n"), &value, name);
        check(&format!("  {name}: '{value}'\n"), &value, name);
        check(&format!("<{name}>{value}</{name}>"), &value, name);
        check(&format!("SET {name} TO $'''{value}'''\r\n"), &value, name);
    }
}

#[test]
fn lines_of_headers() {
    let value = secret(400);
    check(
        &format!("POST /v1 HTTP/1.1\r\nHost: example.com\r\nX-Api-Key: {value}\r\n\r\n"),
        &value,
        "X-Api-Key",
    );
    check(&format!("Authorization: Bearer {value}\n"), &value, "Authorization");
    check(&format!("Authorization: Token {value}\n"), &value, "Authorization");
    check(&format!("curl -H \"X-Api-Key: {value}\" https://example.com"), &value, "X-Api-Key");
    check(&format!("curl -H 'Authorization: Bearer {value}' https://example.com"), &value, "Authorization");
    let command = json!({"command": format!("curl -H \"X-Api-Key: {value}\" https://example.com")});
    check(&command.to_string(), &value, "X-Api-Key");
}

#[test]
fn parameters_of_queries() {
    let value = secret(500);
    for (name, text) in [
        ("api_key", format!("https://example.com/v1?api_key={value}")),
        ("apikey", format!("https://example.com/v1?a=1&apikey={value}&b=2")),
        (
            "access_token",
            format!("{{\"url\": \"https://example.com/?x=1\\u0026access_token={value}\\u0026y=2\"}}"),
        ),
        ("token", format!("<a href=\"https://example.com/?x=1&amp;token={value}&amp;y=2\">")),
        ("code", format!("https://app.azurewebsites.example/api/run?code={value}")),
        ("client_secret", format!("grant_type=client_credentials&client_id=abc&client_secret={value}")),
    ] {
        check(&text, &value, name);
    }
}

#[test]
fn assignments_in_code() {
    let value = secret(600);
    for (name, text) in [
        ("apiKey", format!("const apiKey = '{value}';")),
        ("apiKey", format!("let apiKey=\"{value}\"")),
        ("api_key", format!("api_key = \"{value}\"  # comment")),
        ("API_KEY", format!("export API_KEY={value}\n")),
        ("API_KEY", format!("set API_KEY={value}\r\n")),
        ("options.headers.token", format!("options.headers.token = `{value}`;")),
        ("X-Api-Key", format!("headers[\"X-Api-Key\"] = \"{value}\"")),
        ("apiKey", format!("{{ apiKey: '{value}', other: 1 }}")),
        ("api_key", format!("'api_key' => '{value}',")),
        ("$apiKey", format!("$apiKey = \"{value}\"")),
        ("gblApiKey", format!("Set(gblApiKey, \"{value}\")")),
        ("ApiKey", format!("SET ApiKey TO $'''{value}'''\r\n")),
        ("apiKey", format!("apiKey: {value}\nnext: 1\n")),
    ] {
        check(&text, &value, name);
    }
    // In the code of a step, where line ends and quotes are escaped.
    let code = format!("// call\nconst apiKey = \"{value}\";\nreturn apiKey;");
    for depth in 1..4 {
        check(&nested(&code, depth), &value, "apiKey");
    }
}

#[test]
fn elements_and_attributes_of_xml() {
    let value = secret(700);
    check(&format!("<config>\n  <apiKey>{value}</apiKey>\n</config>"), &value, "apiKey");
    check(&format!("<c:apiKey xmlns:c=\"x\" type=\"string\">{value}</c:apiKey>"), &value, "apiKey");
    check(&format!("<add apiKey=\"{value}\" other=\"1\"/>"), &value, "apiKey");
    check(&format!("<x>{{&quot;apiKey&quot;:&quot;{value}&quot;}}</x>"), &value, "apiKey");
}

/// Names as users of other languages write them.
#[test]
fn names_of_other_languages() {
    for (number, name) in
        ["contraseña", "Kennwort", "motdepasse", "密码", "パスワード", "hasło"].into_iter().enumerate()
    {
        let value = format!("{}7x", Random(number as u64).alnum(16));
        check(&json!({name: value}).to_string(), &value, name);
    }
}

/// n8n: a leading `=` makes an expression of a string; without braces it is a literal all the same.
#[test]
fn expressions_without_braces() {
    let value = secret(800);
    check(&json!({"apiKey": format!("={value}")}).to_string(), &value, "apiKey");
    check(&json!({"Authorization": format!("=Bearer {value}")}).to_string(), &value, "Authorization");
}

/// <https://learn.microsoft.com/rest/api/storageservices/create-service-sas>: `se` is when it ends, before or behind `sig`.
#[test]
fn a_shared_access_signature_says_when_it_ends() {
    let digits = data_encoding::BASE64.encode(&Random(900).bytes(32));
    let signature = digits.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let address = "https://acme.blob.core.windows.net/c/a?sv=2020-01-01";
    // 1 February 2023 and 2033, 01:03:04 UTC.
    for (query, expires) in [
        (format!("&se=2023-02-01T01%3A03%3A04Z&sr=b&sp=r&sig={signature}"), 1_675_213_384),
        (format!("&sig={signature}&se=2033-02-01T01%3A03%3A04Z&sr=b"), 1_990_832_584),
        (format!("&sig={signature}&se=2023-02-01"), 1_675_209_600),
    ] {
        for query in [query.clone(), query.replace('&', r"\u0026"), query.replace('&', "&amp;")] {
            let found = findings(format!("{{\"url\": \"{address}{query}\"}}"));
            assert_eq!(found.len(), 1, "{query}");
            assert_eq!(found[0].lifetime.expires, Some(expires), "{query}");
        }
    }
}

/// Names and values that do not stand side by side, each in the form of a platform's export: `VALUE-1` is a key of 40, `VALUE-2` a
/// password without the length of one.
#[test]
fn names_that_stand_further_away() {
    let mut random = Random(42);
    let key = random.alnum(40);
    let word = format!("{}#{}", random.alnum(4), random.alnum(5));
    for form in [
        r#"{"apiToken": {"type": "string", "defaultValue": "VALUE-1"}}"#,
        r#"{"name": "clientToken", "type": "STRING", "defaultValue": {"type": "STRING", "string": "VALUE-1"}}"#,
        r#"{"type": "object", "value": {"key": {"type": "string", "value": "X-Api-Key"}, "value": {"type": "string", "value": "VALUE-1"}}}"#,
        r#"{"options": {"password": {"value": "VALUE-2", "encrypted": false}}}"#,
        r#"{"name": "dbPassword", "type": "STRING", "defaultValue": {"type": "STRING", "string": "VALUE-2"}}"#,
        r#"{"name": "dbPassword", "kind": "m", "expression": "\"VALUE-2\" meta [IsParameterQuery=true]"}"#,
        "<constants><name>API_KEY</name><dataType>String</dataType>\n<value><stringValue>VALUE-1</stringValue></value></constants>",
        "<constants><name>dbPassword</name><dataType>String</dataType><value><stringValue>VALUE-2</stringValue></value></constants>",
        r#"<stage name="ApiKey" type="Data"><display x="1"/><datatype>text</datatype><initialvalue>VALUE-1</initialvalue></stage>"#,
        r#"<stage name="Password" type="Data"><datatype>text</datatype><initialvalue>VALUE-2</initialvalue></stage>"#,
        r#"<FormulaField expression="&quot;VALUE-1&quot;" field="API_KEY" size="9"/>"#,
        r#"<FormulaField expression="&quot;VALUE-2&quot;" field="Password" size="9"/>"#,
        "<Assign.To><OutArgument>[apiKey]</OutArgument></Assign.To><Assign.Value><InArgument>[\"VALUE-1\"]</InArgument></Assign.Value>",
        "<Assign.To><OutArgument>[password]</OutArgument></Assign.To><Assign.Value><InArgument>[\"VALUE-2\"]</InArgument></Assign.Value>",
        "code: 'let password = ''VALUE-2'';\n\n  login(password);'\n",
        "code: 'fetch(u, { headers: { ''Authorization'': ''Bearer\n    VALUE-1'' } });'\n",
        "Login for the portal\nuser: jane\npassword: VALUE-2\n",
    ] {
        let secret = if form.contains("VALUE-1") { &key } else { &word };
        let text = form.replace("VALUE-1", &key).replace("VALUE-2", &word);
        let found: Vec<_> = findings(&text).iter().map(value).collect();
        assert_eq!(found.len(), 1, "{form}");
        assert_eq!(&found[0], secret, "{form}");
    }
}

/// What only looks like a name and a value.
#[test]
fn names_that_stand_for_something_else() {
    let mut random = Random(43);
    let (value, digits) = (random.alnum(20), random.alnum(44));
    for form in [
        r#"{"taskCode": "VALUE"}"#,
        r#"{"appId": "VALUE"}"#,
        r#"{"app_id": "cli_VALUE"}"#,
        r#"{"grant_type": "authorization_code", "code": "VALUE"}"#,
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:VALUE",
        r#"check: ok ? "PASS" : "VALUE","#,
        r#"[{"name": "chain", "value": "solana"}, {"name": "token", "value": "ADDRESS"}]"#,
    ] {
        let text = form.replace("VALUE", &value).replace("ADDRESS", &digits);
        assert!(findings(&text).is_empty(), "{form}: {:#?}", findings(&text));
    }
}
