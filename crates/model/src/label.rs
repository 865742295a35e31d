//! What an analyst corrects.

use crate::{EventType, Modality, Role, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// An event mention by its place: identifiers of mentions change with each analysis, places do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Anchor {
    /// The post.
    pub post_id: i64,
    /// The trigger.
    #[serde(flatten)]
    pub trigger: Span,
}

/// An argument as an analyst gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelledArgument {
    /// The part it plays.
    pub role: Role,
    /// Where it stands in the post.
    #[serde(flatten)]
    pub span: Span,
}

/// A correction. What it speaks of stands in the [`Label`] around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Correction {
    /// The post carries threat intelligence, or none. Where it carries none, the model's mentions in it are dropped.
    Relevance {
        /// Which of the two.
        relevant: bool,
    },
    /// At the label's place stands this event, whatever the model says of it.
    Event {
        /// Type.
        #[serde(rename = "type")]
        event: EventType,
        /// How the author stands to it.
        modality: Modality,
        /// Where its trigger stands.
        trigger: Span,
        /// All its arguments.
        arguments: Vec<LabelledArgument>,
    },
    /// At the label's place stands no event.
    Nothing,
    /// The mention at the label's place and this other one speak of the same happening.
    Same {
        /// The other mention.
        other: Anchor,
    },
    /// The mention at the label's place and this other one speak of different happenings.
    Different {
        /// The other mention.
        other: Anchor,
    },
}

impl Correction {
    /// The name used in files and the API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Correction::Relevance { .. } => "relevance",
            Correction::Event { .. } => "event",
            Correction::Nothing => "nothing",
            Correction::Same { .. } => "same",
            Correction::Different { .. } => "different",
        }
    }
}

/// A correction with its circumstances. Later ones overrule earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Identifier in the store, growing; 0 before it is stored.
    #[serde(default)]
    pub id: i64,
    /// When it was made.
    pub time: Timestamp,
    /// Who made it, where users have names.
    pub author: Option<String>,
    /// The post.
    pub post_id: i64,
    /// The trigger of the mention that it speaks of; none for relevance.
    pub trigger: Option<Span>,
    /// What is said.
    #[serde(flatten)]
    pub correction: Correction,
    /// Why, in the analyst's words.
    pub note: Option<String>,
}

impl Label {
    /// The mention that it speaks of.
    pub fn anchor(&self) -> Option<Anchor> {
        self.trigger.map(|trigger| Anchor { post_id: self.post_id, trigger })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_survives_json() {
        let label = Label {
            id: 3,
            time: Timestamp(1_750_000_000),
            author: None,
            post_id: 9,
            trigger: Some(Span::new(2, 6)),
            correction: Correction::Event {
                event: EventType::Sell,
                modality: Modality::Asserted,
                trigger: Span::new(2, 6),
                arguments: vec![LabelledArgument { role: Role::Price, span: Span::new(8, 11) }],
            },
            note: Some("a price, no version".into()),
        };
        let text = serde_json::to_string(&label).unwrap();
        assert!(text.contains(r#""kind":"event""#) && text.contains(r#""type":"sell""#), "{text}");
        assert_eq!(serde_json::from_str::<Label>(&text).unwrap(), label);
    }
}
