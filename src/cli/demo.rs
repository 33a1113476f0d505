//! `keysieve demo`: two small exports made in memory, with credentials generated for this run, and the very code of
//! `keysieve scan` over them.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use super::args::Demo;
use super::{Failure, Status, scan};
use crate::engine::Input;

/// Runs the command.
pub(super) fn run(demo: &Demo) -> Result<Status, Failure> {
    let exports = [
        ("n8n-invoice-sync.json", n8n().map_err(Failure::run)?),
        ("PowerPlatformSolution.zip", power_platform().map_err(Failure::run)?),
    ];
    if let Some(folder) = &demo.keep {
        keep(folder, &exports).map_err(Failure::run)?;
    }
    let inputs = exports.map(|(name, bytes)| Input::Bytes { name: name.to_owned(), bytes: bytes.into() });
    // Findings are what a demo is for: they do not make it fail.
    match scan::inputs_to_report(inputs.into(), &demo.options)? {
        Status::Findings => Ok(Status::Clean),
        other => Ok(other),
    }
}

fn keep(folder: &Path, exports: &[(&str, Vec<u8>)]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, bytes) in exports {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A workflow as n8n's editor downloads it: two hard-coded keys, one in an expression, one placeholder, one reference.
fn n8n() -> anyhow::Result<Vec<u8>> {
    let node = |name: &str, kind: &str, parameters: Value| -> anyhow::Result<Value> {
        Ok(json!({"parameters": parameters, "id": uuid()?, "name": name, "type": kind, "typeVersion": 4.2, "position": [0, 0]}))
    };
    let header = |name: &str, value: String| {
        json!({"method": "POST", "url": "https://billing.example.com/v1/invoices", "sendHeaders": true,
               "headerParameters": {"parameters": [{"name": name, "value": value}]}})
    };
    let nodes = vec![
        node("Fetch invoices", "n8n-nodes-base.httpRequest", header("X-Api-Key", random(HEX, 40)?))?,
        node("Tell the team", "n8n-nodes-base.code", json!({"jsCode":
            format!("const token = '{}';\nreturn post('https://slack.com/api/chat.postMessage', token);", slack()?)}))?,
        node("Good: from the store", "n8n-nodes-base.httpRequest", header("X-Api-Key", "={{ $vars.billing_key }}".into()))?,
        node("Template", "n8n-nodes-base.httpRequest", header("Authorization", "Bearer YOUR_API_KEY".into()))?,
    ];
    let workflow = json!({"name": "Invoice sync", "nodes": nodes, "connections": {}, "active": true,
        "shared": [{"project": {"name": "Jane Doe <jane@example.com>"}}], "id": random(LETTERS, 16)?, "versionId": uuid()?});
    Ok(serde_json::to_vec_pretty(&workflow)?)
}

/// A solution with one cloud flow whose HTTP action carries a payment key, and whose name and state stand in
/// `customizations.xml`.
fn power_platform() -> anyhow::Result<Vec<u8>> {
    let id = uuid()?;
    let member = format!("Workflows/Chargecustomer-{}.json", id.to_uppercase());
    let definition = json!({"properties": {"connectionReferences": {}, "definition": {
        "triggers": {"manual": {"type": "Request", "kind": "Button", "inputs": {}}},
        "actions": {"Charge_the_card": {"type": "Http", "runAfter": {}, "inputs": {"method": "POST",
            "uri": "https://api.stripe.com/v1/charges",
            "headers": {"Authorization": format!("Bearer sk_live_{}", random(ALNUM, 24)?)}}}}}},
        "schemaVersion": "1.0.0.0"});
    let customizations = format!(
        "<ImportExportXml><Workflows><Workflow WorkflowId=\"{{{id}}}\" Name=\"Charge customer\">\
         <JsonFileName>/{member}</JsonFileName><Category>5</Category><StateCode>1</StateCode></Workflow></Workflows></ImportExportXml>"
    );
    let solution = "<ImportExportXml><SolutionManifest><UniqueName>Billing</UniqueName><Version>1.0.0.1</Version><Managed>0</Managed>\
                    <Publisher><UniqueName>finance</UniqueName><EMailAddress>finance@example.com</EMailAddress></Publisher></SolutionManifest></ImportExportXml>";
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let members = [
        ("[Content_Types].xml", b"<Types/>".to_vec()),
        ("solution.xml", solution.into()),
        ("customizations.xml", customizations.into()),
        (&member, serde_json::to_vec(&definition)?),
    ];
    for (name, bytes) in members {
        archive.start_file(name, SimpleFileOptions::default())?;
        archive.write_all(&bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

const HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Random characters of an alphabet; of any length it is next to certain that a digit is among them.
fn random(alphabet: &[u8], length: usize) -> anyhow::Result<String> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect())
}

fn slack() -> anyhow::Result<String> {
    Ok(format!("xoxb-1{}-1{}-{}", random(DIGITS, 11)?, random(DIGITS, 11)?, random(ALNUM, 24)?))
}

fn uuid() -> anyhow::Result<String> {
    let hex = |length| random(HEX, length);
    Ok(format!("{}-{}-4{}-a{}-{}", hex(8)?, hex(4)?, hex(3)?, hex(3)?, hex(12)?))
}
