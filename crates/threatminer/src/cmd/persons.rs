//! What roles and alias candidates rest on, gathered from the interactions of a store.

use std::collections::BTreeMap;
use tm_graph::alias::{self, Profile};
use tm_graph::roles::{self, RolePost};
use tm_model::{EntityType, Modality};
use tm_store::{AccountRow, AliasRow, Interaction, RoleRow};

/// Posts and profiles of the accounts.
pub struct Persons {
    posts: BTreeMap<i64, Vec<RolePost>>,
    profiles: BTreeMap<i64, Profile>,
}

/// The same for texts that differ only in signs and case.
fn fingerprint(text: &str) -> u64 {
    let letters = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    letters.fold(0xcbf2_9ce4_8422_2325, |h, c| (h ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01b3))
}

impl Persons {
    pub fn read(
        interactions: &[Interaction],
        accounts: &BTreeMap<i64, AccountRow>,
        identifiers: Vec<(i64, EntityType, String)>,
    ) -> Persons {
        // How often others turned to an account in a thread.
        let mut turned: BTreeMap<(i64, i64), u32> = BTreeMap::new();
        for i in interactions {
            for to in
                i.answers.iter().chain(&i.quotes).chain(&i.mentions).filter(|to| Some(**to) != i.account_id)
            {
                *turned.entry((i.thread_id, *to)).or_default() += 1;
            }
        }
        let (mut posts, mut profiles): (BTreeMap<i64, Vec<RolePost>>, BTreeMap<i64, Profile>) =
            Default::default();
        for i in interactions {
            let Some(account) = i.account_id else { continue };
            posts.entry(account).or_default().push(RolePost {
                post: i.post_id,
                starts: i.starts,
                pinned: i.pinned,
                to: i
                    .answers
                    .into_iter()
                    .chain(i.quotes.iter().copied())
                    .chain(i.mentions.iter().copied())
                    .find(|to| *to != account),
                answered_by: turned.get(&(i.thread_id, account)).copied().unwrap_or(0),
                asks: i.text.contains(['?', '？']) || i.events.iter().any(|e| e.1 == Modality::Asked),
                words: fingerprint(&i.text),
                events: i.events.clone(),
            });
            let profile = profiles.entry(account).or_insert_with(|| {
                Profile::new(account, i.forum_id, accounts.get(&account).map_or("", |a| a.name.as_str()))
            });
            profile.read(&i.text);
            if let Some(t) = i.time {
                profile.hours[t.hour()] += 1;
            }
        }
        for (account, kind, value) in identifiers {
            if let Some(p) = profiles.get_mut(&account) {
                p.identifiers.push((kind, value));
            }
        }
        Persons { posts, profiles }
    }

    /// Roles of an account, given how its exchange is spread over communities and the share of accounts ranked below it.
    pub fn roles(&mut self, account: i64, spread: f64, standing: f64) -> Vec<RoleRow> {
        let posts = self.posts.remove(&account).unwrap_or_default();
        let row = |p: roles::Played| RoleRow {
            role: p.role.as_str().to_owned(),
            strength: p.strength,
            count: p.count,
            posts: p.posts,
        };
        roles::roles(&posts, spread, standing).into_iter().map(row).collect()
    }

    /// Alias candidates among all accounts.
    pub fn aliases(self) -> Vec<AliasRow> {
        let profiles: Vec<Profile> = self.profiles.into_values().collect();
        let row = |c: alias::Candidate| AliasRow {
            a: c.a,
            b: c.b,
            probability: c.probability,
            reasons: c.reasons.into_iter().map(|r| (r.text, r.weight)).collect(),
            verdict: None,
        };
        alias::candidates(&profiles).into_iter().map(row).collect()
    }
}
