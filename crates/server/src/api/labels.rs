//! Corrections by analysts, and trends.

use super::{Answer, ApiError, App};
use crate::access::{VIEW, WORK, Who};
use crate::fusion::{self, Circumstances, LabelError};
use crate::route::Route;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::routing::{delete, get, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;
use tm_model::{Correction, EventType, LabelledArgument, Modality, Span};

impl From<LabelError> for ApiError {
    fn from(e: LabelError) -> ApiError {
        match e {
            LabelError::Missing(what) => ApiError::Missing(what),
            LabelError::Refused(what) => ApiError::Bad(what),
            LabelError::Store(e) => e.into(),
        }
    }
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/trends", VIEW, "trends", get(trends))
            .says("Weekly counts, bursts, and an outlook with its back-test")
            .answers("Trends"),
        Route::new(Method::GET, "/api/v1/labels", VIEW, "labels", get(list))
            .says("Corrections by analysts, oldest first")
            .answers("{ total: integer; items: Label[] }"),
        Route::new(Method::POST, "/api/v1/labels", WORK, "add_label", post(add))
            .says("Corrects what was found; it counts at once and outlives later analyses")
            .takes("NewLabel")
            .answers("{ labels: integer[]; threats: integer }")
            .audited("correct"),
        Route::new(Method::DELETE, "/api/v1/labels/{id}", WORK, "remove_label", delete(remove))
            .says("Takes a correction back")
            .answers("{ removed: integer; threats: integer }")
            .audited("take a correction back"),
    ]
}

/// A correction as it is posted. `trigger` is the place of the mention that is corrected, or of one that was missed.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Posted {
    Relevance {
        post_id: i64,
        relevant: bool,
        note: Option<String>,
    },
    Event {
        post_id: i64,
        trigger: Span,
        #[serde(rename = "type")]
        event: EventType,
        modality: Modality,
        /// Where the trigger should be, when elsewhere.
        new_trigger: Option<Span>,
        #[serde(default)]
        arguments: Vec<LabelledArgument>,
        note: Option<String>,
    },
    Nothing {
        post_id: i64,
        trigger: Span,
        note: Option<String>,
    },
    Merge {
        threats: [String; 2],
        note: Option<String>,
    },
    Split {
        threat: String,
        mentions: Vec<i64>,
        note: Option<String>,
    },
}

fn now(who: &Who, note: Option<String>) -> Circumstances {
    Circumstances { time: crate::access::now(), author: who.name(), note }
}

async fn trends(State(app): App) -> Answer {
    Ok(Json(json!(fusion::trends(&*app.store).await?)))
}

async fn list(State(app): App) -> Answer {
    let items = app.store.labels(None).await?;
    Ok(Json(json!({"total": items.len(), "items": items})))
}

async fn add(State(app): App, Extension(who): Extension<Who>, Json(posted): Json<Posted>) -> Answer {
    let store = &*app.store;
    let labels = match posted {
        Posted::Relevance { post_id, relevant, note } => {
            let label = now(&who, note).label(post_id, None, Correction::Relevance { relevant });
            vec![store.add_label(&label).await.map_err(LabelError::from)?]
        }
        Posted::Event { post_id, trigger, event, modality, new_trigger, arguments, note } => {
            let correction =
                Correction::Event { event, modality, trigger: new_trigger.unwrap_or(trigger), arguments };
            vec![
                store
                    .add_label(&now(&who, note).label(post_id, Some(trigger), correction))
                    .await
                    .map_err(LabelError::from)?,
            ]
        }
        Posted::Nothing { post_id, trigger, note } => {
            let label = now(&who, note).label(post_id, Some(trigger), Correction::Nothing);
            vec![store.add_label(&label).await.map_err(LabelError::from)?]
        }
        Posted::Merge { threats: [one, other], note } => {
            fusion::merge(store, &one, &other, &now(&who, note)).await?
        }
        Posted::Split { threat, mentions, note } => {
            fusion::split(store, &threat, &mentions, &now(&who, note)).await?
        }
    };
    // What was said counts at once.
    let (_, threats) = fusion::refuse(store, fusion::context(store).await?).await?;
    Ok(Json(json!({"labels": labels, "threats": threats})))
}

async fn remove(State(app): App, Path(id): Path<i64>) -> Answer {
    if !app.store.remove_label(id).await? {
        return Err(ApiError::Missing(format!("no correction {id}")));
    }
    let (_, threats) = fusion::refuse(&*app.store, fusion::context(&*app.store).await?).await?;
    Ok(Json(json!({"removed": id, "threats": threats})))
}
