//! Documents for other tools and for people: what `threatminer export` and `threatminer report` write.

use super::{ApiError, App, Asked};
use crate::access::VIEW;
use crate::gather::{Matter, Scope, holdings};
use crate::route::Route;
use crate::tables;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use std::io::{BufWriter, Seek, SeekFrom};
use tm_exchange::report::{Heading, ReportForm, render};
use tm_exchange::{TableForm, Tlp, misp, stix};
use tokio::io::AsyncReadExt;

/// Documents that are made at the same time: each may read the whole store.
pub(crate) const DOCUMENTS: usize = 2;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/export", VIEW, "export", get(export))
            .says("What is known, for other tools, secrets masked")
            .query(&[
                (
                    "format",
                    "\"stix\" | \"misp\" | \"csv\" | \"jsonl\" | \"parquet\"",
                    "form; stix unless said",
                ),
                (
                    "what",
                    "\"threats\" | \"actors\" | \"entities\" | \"events\" | \"posts\"",
                    "what; threats unless said",
                ),
                ("since", "string", "only what was seen since this date"),
                ("min_severity", "number", "only threat events at least so severe, 0 to 1"),
                ("limit", "integer", "at most so many, best first; 0 means all; 1,000 unless said"),
                ("tlp", "\"clear\" | \"green\" | \"amber\" | \"red\"", "who may see it; amber unless said"),
            ])
            .hands_out(&[
                "application/stix+json;version=2.1",
                "application/json",
                "text/csv",
                "application/x-ndjson",
                "application/vnd.apache.parquet",
            ])
            .audited("export"),
        Route::new(Method::GET, "/api/v1/report", VIEW, "report", get(report))
            .says("A report with charts, as one HTML file or Markdown")
            .query(&[
                ("format", "\"html\" | \"md\"", "form; html unless said"),
                ("title", "string", "title"),
                ("since", "string", "only what was seen since this date"),
                ("min_severity", "number", "only threat events at least so severe, 0 to 1"),
                ("limit", "integer", "at most so many threat events and accounts; 25 unless said"),
                ("tlp", "\"clear\" | \"green\" | \"amber\" | \"red\"", "who may see it; amber unless said"),
            ])
            .hands_out(&["text/html", "text/markdown"])
            .audited("report"),
    ]
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    format: Option<String>,
    what: Option<String>,
    title: Option<String>,
    since: Option<String>,
    min_severity: Option<String>,
    #[serde(deserialize_with = "super::number")]
    limit: Option<u32>,
    tlp: Option<String>,
}

impl Wanted {
    fn scope(&self, matter: Matter, limit: u32) -> Result<Scope, ApiError> {
        Ok(Scope {
            matter,
            since: Asked::time(&self.since)?,
            min_severity: Asked::share(&self.min_severity)?,
            limit,
            masked: true,
        })
    }
    fn tlp(&self) -> Result<Tlp, ApiError> {
        let name = Asked::one_of(&self.tlp, &["clear", "green", "amber", "red"])?;
        Ok(match name.as_deref() {
            Some("clear") => Tlp::Clear,
            Some("green") => Tlp::Green,
            Some("red") => Tlp::Red,
            _ => Tlp::Amber,
        })
    }
}

/// Threat events and the like of a STIX or MISP document unless said: such a document is made in memory.
const OBJECTS: u32 = 1000;
/// Bytes of a file that leave together.
const CHUNK: usize = 64 * 1024;

fn document(kind: &'static str, name: &str, body: impl Into<Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, body.into()).into_response()
}

async fn export(State(app): App, Query(a): Query<Wanted>) -> Result<Response, ApiError> {
    let failed = |e: &dyn std::fmt::Display| ApiError::Failed(e.to_string());
    let format = Asked::one_of(&a.format, &["stix", "misp", "csv", "jsonl", "parquet"])?;
    let what = Asked::one_of(&a.what, &["threats", "actors", "entities", "events", "posts"])?;
    let matter = match what.as_deref() {
        Some("actors") => Matter::Actors,
        Some("entities") => Matter::Entities,
        Some("events") => Matter::Events,
        Some("posts") => Matter::Posts,
        _ => Matter::Threats,
    };
    let scope = a.scope(matter, a.limit.unwrap_or(OBJECTS))?;
    let tlp = a.tlp()?;
    let _turn = app.documents.acquire().await.map_err(|e| failed(&e))?;
    let format = format.as_deref().unwrap_or("stix");
    let (form, kind) = match format {
        "csv" => (TableForm::Csv, "text/csv; charset=utf-8"),
        "jsonl" => (TableForm::Jsonl, "application/x-ndjson"),
        "parquet" => (TableForm::Parquet, "application/vnd.apache.parquet"),
        _ => {
            let held = holdings(&*app.store, &scope).await?;
            let (kind, value) = match format {
                "misp" => ("application/json", misp::events(&held, tlp)),
                _ => ("application/stix+json;version=2.1", stix::bundle(&held, tlp)),
            };
            let text = serde_json::to_vec_pretty(&value).map_err(|e| failed(&e))?;
            return Ok(document(kind, &format!("threatminer-{format}.json"), text));
        }
    };
    // A table may be larger than memory: it is written to a file that nobody else sees, and leaves from there.
    let file = tempfile::tempfile().map_err(|e| failed(&e))?;
    let (out, _) =
        tables::write(&*app.store, form, &scope, BufWriter::new(file)).await.map_err(|e| failed(&e))?;
    let mut file = out.into_inner().map_err(|e| failed(&e))?;
    file.seek(SeekFrom::Start(0)).map_err(|e| failed(&e))?;
    let file = tokio::fs::File::from_std(file);
    let chunks = futures::stream::unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        match file.read(&mut chunk).await {
            Ok(0) => None,
            Ok(n) => {
                chunk.truncate(n);
                Some((Ok(Bytes::from(chunk)), file))
            }
            Err(e) => Some((Err(e), file)),
        }
    });
    let what = what.as_deref().unwrap_or("threats");
    Ok(document(kind, &format!("threatminer-{what}.{format}"), Body::from_stream(chunks)))
}

async fn report(State(app): App, Query(a): Query<Wanted>) -> Result<Response, ApiError> {
    let format = Asked::one_of(&a.format, &["html", "md", "markdown"])?;
    let limit = a.limit.unwrap_or(25).clamp(1, 500);
    let scope = a.scope(Matter::Report, limit)?;
    let tlp = a.tlp()?;
    let _turn = app.documents.acquire().await.map_err(|e| ApiError::Failed(e.to_string()))?;
    let held = holdings(&*app.store, &scope).await?;
    let heading = Heading {
        title: Asked::text(&a.title).unwrap_or_else(|| "Threats on hacker forums".into()),
        scope: tables::scope_in_words(&held, &scope),
    };
    let (form, kind, name) = match format.as_deref() {
        None | Some("html") => (ReportForm::Html, "text/html; charset=utf-8", "threatminer-report.html"),
        _ => (ReportForm::Markdown, "text/markdown; charset=utf-8", "threatminer-report.md"),
    };
    let text = render(&held, &heading, form, tlp).map_err(|e| ApiError::Failed(e.to_string()))?;
    Ok(document(kind, name, text))
}
