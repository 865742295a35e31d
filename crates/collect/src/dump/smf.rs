//! SMF 1.1 to 2.1. Everything is stored escaped, line breaks as `<br>`; a thread's title is the subject of its first
//! message. The forum's name stands in a settings file, not in the database.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, State, answered_title},
};
use crate::{Bbcode, Options, clean_bbcode, decode_entities, field::name, flatten_html, sql::Row};

pub(super) struct Smf;

const TABLES: [TableRule; 4] = [
    TableRule { role: Role::Boards, names: &["boards"], columns: &["id_board", "id_cat", "name"] },
    TableRule { role: Role::Threads, names: &["topics"], columns: &["id_topic", "id_board", "id_first_msg"] },
    TableRule { role: Role::Users, names: &["members"], columns: &["id_member", "passwd"] },
    TableRule {
        role: Role::Posts,
        names: &["messages"],
        columns: &["id_msg", "id_topic", "subject", "body"],
    },
];

fn approved(value: Option<i64>) -> State {
    if value == Some(0) { State::Unapproved } else { State::Visible }
}

/// A column by its name since 2.0, else by the one before.
fn either<'r>(row: &'r Row, new: &str, old: &str) -> std::borrow::Cow<'r, str> {
    if row.bytes(new).is_some() { row.text(new) } else { row.text(old) }
}

impl Engine for Smf {
    fn name(&self) -> &'static str {
        "SMF"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }
    fn learns_from_posts(&self) -> bool {
        true
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        match role {
            Role::Boards => known.board(row.id("id_board"), &decode_entities(&row.text("name"))),
            Role::Users => {
                let shown = either(row, "real_name", "realname");
                let login = either(row, "member_name", "membername");
                let handle = if shown.trim().is_empty() { login } else { shown };
                known.user(row.id("id_member"), &decode_entities(&handle));
            }
            Role::Threads => {
                let moved = row.id("id_redirect_topic").is_some();
                let state = if moved { State::Moved } else { approved(row.int("approved")) };
                let sticky = row.int("is_sticky").or(row.int("issticky")) == Some(1);
                known.thread(row.id("id_topic"), row.id("id_board"), "", state, sticky);
            }
            Role::Posts => {
                let (Some(post), Some(thread)) = (row.id("id_msg"), row.id("id_topic")) else { return };
                if known.first.get(&thread).is_none_or(|(first, _)| post < *first) {
                    let title = name(&decode_entities(&row.text("subject"))).unwrap_or_default();
                    known.first.insert(thread, (post, title));
                }
            }
            _ => {}
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let thread = row.id("id_topic");
        let stored = name(&decode_entities(&either(row, "poster_name", "postername")));
        let first = thread.and_then(|id| known.first.get(&id)).map(|(_, title)| title.clone());
        let draft = Draft {
            id: row.id("id_msg"),
            thread,
            board: row.id("id_board"),
            title: first.or_else(|| answered_title(&decode_entities(&row.text("subject")))),
            author: row.id("id_member").and_then(|id| known.users.get(&id).cloned()).or(stored),
            time: row.int("poster_time").or(row.int("postertime")),
            state: approved(row.int("approved")),
            reply_to: None,
            edited: row.int("modified_time").or(row.int("modifiedtime")),
        };
        let bbcode = Bbcode { escaped: true, link_targets: options.link_targets, ..Bbcode::default() };
        draft.join(known, || clean_bbcode(&flatten_html(&row.text("body")), &bbcode))
    }
}
