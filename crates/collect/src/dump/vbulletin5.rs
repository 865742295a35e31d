//! vBulletin 5. Boards, threads, posts, comments and private messages are all rows of `node`; the words stand in `text`.
//! What is kept of a node is small, but it grows with the number of posts: some 80 bytes for each.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, Node, State},
};
use crate::{Bbcode, Options, clean_bbcode, decode_entities, field::name, sql::Row};

pub(super) struct Vbulletin5;

const TABLES: [TableRule; 5] = [
    TableRule { role: Role::Settings, names: &["setting"], columns: &["varname", "value", "grouptitle"] },
    TableRule { role: Role::Kinds, names: &["contenttype"], columns: &["contenttypeid", "class"] },
    TableRule { role: Role::Users, names: &["user"], columns: &["userid", "username", "usergroupid"] },
    TableRule {
        role: Role::Nodes,
        names: &["node"],
        columns: &["nodeid", "starter", "contenttypeid", "publishdate"],
    },
    TableRule { role: Role::Posts, names: &["text"], columns: &["nodeid", "rawtext"] },
];

/// Kinds of nodes with words that stand in a thread; private messages are none.
const POSTS: [&str; 6] = ["Text", "Gallery", "Link", "Poll", "Video", "Event"];

fn state(row: &Row) -> State {
    let no = |column| row.int(column) == Some(0);
    if row.id("deleteuserid").is_some() {
        State::Deleted
    } else if no("approved") || no("showapproved") || no("showpublished") {
        State::Unapproved
    } else {
        State::Visible
    }
}

fn learn_node(row: &Row, known: &mut Known) {
    let Some(id) = row.id("nodeid") else { return };
    // Protected nodes are private messages and reports.
    if row.int("protected") == Some(1) {
        return;
    }
    let (starter, parent) = (row.id("starter").unwrap_or(0), row.id("parentid").unwrap_or(0));
    if starter == 0 {
        return known.board(Some(id), &row.text("title"));
    }
    if starter == id {
        let sticky = row.int("sticky") == Some(1);
        known.thread(Some(id), Some(parent), &row.text("title"), state(row), sticky);
    }
    let stored = row.text("authorname");
    let place = match known.name_places.get(&*stored) {
        Some(place) => *place,
        None => {
            let place = known.names.len() as u32;
            known.names.push(stored.to_string());
            known.name_places.insert(stored.into_owned(), place);
            place
        }
    };
    let kind = row.int("contenttypeid").and_then(|kind| u32::try_from(kind).ok()).unwrap_or(0);
    let node = Node {
        kind,
        starter,
        parent,
        user: row.id("userid").unwrap_or(0),
        name: place,
        time: row.int("publishdate").unwrap_or(0),
        state: state(row),
    };
    known.nodes.insert(id, node);
}

impl Engine for Vbulletin5 {
    fn name(&self) -> &'static str {
        "vBulletin 5"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        match role {
            Role::Settings if row.text("varname") == "bbtitle" => {
                known.forum = name(&decode_entities(&row.text("value")));
            }
            Role::Kinds if POSTS.contains(&&*row.text("class")) => {
                known.kinds.extend(row.id("contenttypeid").and_then(|id| u32::try_from(id).ok()));
            }
            Role::Users => known.user(row.id("userid"), &decode_entities(&row.text("username"))),
            Role::Nodes => learn_node(row, known),
            _ => {}
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let id = row.id("nodeid");
        let Some(node) = id.and_then(|id| known.nodes.get(&id)) else { return Outcome::Skip };
        if !known.kinds.is_empty() && !known.kinds.contains(&node.kind) {
            return Outcome::Skip;
        }
        let stored = known.names.get(node.name as usize).and_then(|n| name(&decode_entities(n)));
        // A comment stands under an answer, an answer under the thread's first post.
        let comment = (node.parent != node.starter && id != Some(node.starter)).then_some(node.parent);
        let draft = Draft {
            id,
            thread: Some(node.starter),
            board: None,
            title: None,
            author: known.handle(Some(node.user)).or(stored),
            time: Some(node.time),
            state: node.state,
            reply_to: comment,
            edited: None,
        };
        let bbcode = Bbcode { link_targets: options.link_targets, ..Bbcode::default() };
        draft.join(known, || clean_bbcode(&row.text("rawtext"), &bbcode))
    }
}
