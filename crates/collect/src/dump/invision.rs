//! IPB 2 and 3, and Invision Community 4. Posts are HTML, with BBCode inside before version 4; names and titles are
//! escaped. Since version 4 names of boards stand among the words of the language.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, State},
};
use crate::{Options, clean_html, decode_entities, field::name, sql::Row, text::clean_html_around_bbcode};

pub(super) struct Invision;

const TABLES: [TableRule; 8] = [
    TableRule {
        role: Role::Settings,
        names: &["core_sys_conf_settings", "conf_settings"],
        columns: &["conf_key", "conf_value", "conf_default"],
    },
    TableRule {
        role: Role::Boards,
        names: &["forums_forums", "forums"],
        columns: &["id", "parent_id", "last_poster_id"],
    },
    TableRule {
        role: Role::BoardNames,
        names: &["core_sys_lang_words"],
        columns: &["word_key", "word_default"],
    },
    TableRule {
        role: Role::Threads,
        names: &["forums_topics", "topics"],
        columns: &["tid", "title", "forum_id", "starter_id"],
    },
    TableRule { role: Role::Users, names: &["core_members", "members"], columns: &["member_id", "name"] },
    TableRule { role: Role::Users, names: &["members"], columns: &["id", "name", "mgroup"] },
    TableRule {
        role: Role::Posts,
        names: &["forums_posts", "posts"],
        columns: &["pid", "topic_id", "author_id", "post"],
    },
    // The words of version 4.0 and 4.1 have other columns.
    TableRule {
        role: Role::BoardNames,
        names: &["core_sys_lang_words"],
        columns: &["word_key", "word_custom"],
    },
];

/// `approved` of topics.
fn topic_state(approved: Option<i64>) -> State {
    match approved {
        None | Some(1) => State::Visible,
        Some(0) => State::Unapproved,
        Some(_) => State::Deleted,
    }
}

/// `queued` of posts: 1 waits for a moderator; hidden ones are 2 (IPB 3) or -1 (Invision 4), those about to go 3 or -2.
fn post_state(queued: Option<i64>) -> State {
    match queued {
        None | Some(0) => State::Visible,
        Some(1) => State::Unapproved,
        Some(_) => State::Deleted,
    }
}

fn decoded(row: &Row, column: &str) -> Option<String> {
    name(&decode_entities(&row.text(column)))
}

/// `forums_forum_12` is the name of board 12.
fn named_board(key: &str) -> Option<u64> {
    key.strip_prefix("forums_forum_")?.parse().ok()
}

impl Engine for Invision {
    fn name(&self) -> &'static str {
        "Invision"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        match role {
            Role::Settings if row.text("conf_key") == "board_name" => {
                known.forum = decoded(row, "conf_value").or_else(|| decoded(row, "conf_default"));
            }
            Role::Boards => known.board(row.id("id"), &decoded(row, "name").unwrap_or_default()),
            Role::BoardNames => {
                let Some(board) = named_board(&row.text("word_key")) else { return };
                let title = decoded(row, "word_custom").or_else(|| decoded(row, "word_default"));
                // Several languages name a board; the first one stays.
                if let Some(title) = title {
                    known.boards.entry(board).or_insert(title);
                }
            }
            Role::Users => {
                let id = row.id("member_id").or(row.id("id"));
                let handle = decoded(row, "members_display_name").or_else(|| decoded(row, "name"));
                known.user(id, &handle.unwrap_or_default());
            }
            Role::Threads => {
                let moved = row.text("state") == "link";
                let state = if moved { State::Moved } else { topic_state(row.int("approved")) };
                let title = decoded(row, "title").unwrap_or_default();
                let sticky = row.int("pinned") == Some(1);
                known.thread(row.id("tid"), row.id("forum_id"), &title, state, sticky);
            }
            _ => {}
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let draft = Draft {
            id: row.id("pid"),
            thread: row.id("topic_id"),
            board: None,
            title: None,
            author: known.handle(row.id("author_id")).or_else(|| decoded(row, "author_name")),
            time: row.int("post_date"),
            state: post_state(row.int("queued")),
            reply_to: None,
            edited: row.int("edit_time"),
        };
        // Version 4 has no BBCode any more: brackets in it are the author's.
        let html_only = row.table().name.ends_with("forums_posts");
        draft.join(known, || {
            let post = row.text("post");
            if html_only {
                clean_html(&post, options.link_targets)
            } else {
                clean_html_around_bbcode(&post, options.link_targets)
            }
        })
    }
}
