//! Corrections by analysts, and trends.

use crate::api::{Answer, ApiError, App};
use crate::fusion::{self, Circumstances, LabelError};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use tm_model::{Correction, EventType, LabelledArgument, Modality, Span, Timestamp};

impl From<LabelError> for ApiError {
    fn from(e: LabelError) -> ApiError {
        match e {
            LabelError::Missing(what) => ApiError::Missing(what),
            LabelError::Refused(what) => ApiError::Bad(what),
            LabelError::Store(e) => e.into(),
        }
    }
}

/// A correction as it is posted. `trigger` is the place of the mention that is corrected, or of one that was missed.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Posted {
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

fn now(note: Option<String>) -> Circumstances {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    Circumstances { time: Timestamp(seconds as i64), author: None, note }
}

pub(crate) async fn trends(State(app): App) -> Answer {
    Ok(Json(json!(fusion::trends(&*app.store).await?)))
}

pub(crate) async fn list(State(app): App) -> Answer {
    let items = app.store.labels(None).await?;
    Ok(Json(json!({"total": items.len(), "items": items})))
}

pub(crate) async fn add(State(app): App, Json(posted): Json<Posted>) -> Answer {
    let store = &*app.store;
    let labels = match posted {
        Posted::Relevance { post_id, relevant, note } => {
            let label = now(note).label(post_id, None, Correction::Relevance { relevant });
            vec![store.add_label(&label).await.map_err(LabelError::from)?]
        }
        Posted::Event { post_id, trigger, event, modality, new_trigger, arguments, note } => {
            let correction =
                Correction::Event { event, modality, trigger: new_trigger.unwrap_or(trigger), arguments };
            vec![
                store
                    .add_label(&now(note).label(post_id, Some(trigger), correction))
                    .await
                    .map_err(LabelError::from)?,
            ]
        }
        Posted::Nothing { post_id, trigger, note } => {
            let label = now(note).label(post_id, Some(trigger), Correction::Nothing);
            vec![store.add_label(&label).await.map_err(LabelError::from)?]
        }
        Posted::Merge { threats: [one, other], note } => {
            fusion::merge(store, &one, &other, &now(note)).await?
        }
        Posted::Split { threat, mentions, note } => {
            fusion::split(store, &threat, &mentions, &now(note)).await?
        }
    };
    // What was said counts at once.
    let (_, threats) = fusion::refuse(store, fusion::context(store).await?).await?;
    Ok(Json(json!({"labels": labels, "threats": threats})))
}

pub(crate) async fn remove(State(app): App, Path(id): Path<i64>) -> Answer {
    if !app.store.remove_label(id).await? {
        return Err(ApiError::Missing(format!("no correction {id}")));
    }
    let (_, threats) = fusion::refuse(&*app.store, fusion::context(&*app.store).await?).await?;
    Ok(Json(json!({"removed": id, "threats": threats})))
}
