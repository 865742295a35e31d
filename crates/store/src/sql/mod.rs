//! The methods of the store in the SQL that SQLite and PostgreSQL both understand.
//!
//! These files are compiled twice, once inside of `sqlite` and once inside of `postgres`: a method has one text, and no bounds
//! over databases stand in it. What differs is named by the module around (`super`): the types of the driver, how lists are
//! bound, and a handful of expressions. In a statement `?` stands for a value and `IN (??)` for a list bound as one value;
//! `super::spell` writes them as the database wants them. Texts sort by bytes in both, and unknown times come first.

mod access;
mod alerts;
mod analysis;
mod cluster;
mod crawl;
mod facets;
mod import;
mod label;
mod read;
mod source;

use super::{
    BEGIN, Backend, Db, DbConnection, DbRow, LIKE, LOCK_ROWS, MONTH, VALUE_AS_NUMBER, ids, lock_ingest,
    names, push_list, spell,
};
use crate::access::*;
use crate::alerts::*;
use crate::records::*;
use crate::{Leadership, Result, Store, StoreError};
use async_trait::async_trait;
use sqlx::query::{Query, QueryScalar};
use sqlx::{Database, FromRow};
use std::borrow::Cow;
use tm_model::{EntityType, Label, Mention, Post, PostAnalysis, PostRecord, Reject, Threat, Timestamp};

type Arguments = <Db as Database>::Arguments;

/// A statement in the text of these files.
fn query(text: impl Into<Cow<'static, str>>) -> Query<'static, Db, Arguments> {
    sqlx::query(spell(text.into()))
}

/// A statement whose first column is asked for.
fn query_scalar<O>(text: impl Into<Cow<'static, str>>) -> QueryScalar<'static, Db, O, Arguments>
where
    (O,): for<'r> FromRow<'r, DbRow>,
{
    sqlx::query_scalar(spell(text.into()))
}

#[async_trait]
impl Store for Backend {
    async fn begin_import(&self, key: &ImportKey) -> Result<ImportState> {
        self.begin_import_(key).await
    }
    async fn store_batch(&self, import: i64, batch: &Batch) -> Result<ImportState> {
        self.store_batch_(import, batch).await
    }
    async fn rejects(&self, import: i64, limit: u32) -> Result<Vec<Reject>> {
        self.rejects_(import, limit).await
    }
    async fn crawl_mark(&self, forum: &str, key: &str) -> Result<Option<String>> {
        self.crawl_mark_(forum, key).await
    }
    async fn crawl_marks(&self, forum: &str, prefix: &str) -> Result<Vec<(String, String)>> {
        self.crawl_marks_(forum, prefix).await
    }
    async fn crawl_sum(&self, forum: &str, prefix: &str) -> Result<(u64, u64)> {
        self.crawl_sum_(forum, prefix).await
    }
    async fn record_source(&self, source: &SourceRow, page: Option<(&str, &str)>) -> Result<()> {
        self.record_source_(source, page).await
    }
    async fn sources(&self) -> Result<Vec<SourceRow>> {
        self.sources_().await
    }
    async fn source_page(&self, id: i64) -> Result<Option<(String, String)>> {
        self.source_page_(id).await
    }
    async fn store_crawled(
        &self,
        forum: &str,
        posts: &[PostRecord],
        marks: &[(String, String)],
    ) -> Result<Crawled> {
        self.store_crawled_(forum, posts, marks).await
    }
    async fn pending(&self, version: &str) -> Result<u64> {
        self.pending_(version).await
    }
    async fn next_pending(&self, version: &str, after: i64, limit: u32) -> Result<Vec<Post>> {
        self.next_pending_(version, after, limit).await
    }
    async fn store_analyses(&self, version: &str, batch: &[Analyzed]) -> Result<()> {
        self.store_analyses_(version, batch).await
    }
    async fn mentions(&self) -> Result<Vec<Mention>> {
        self.mentions_(None).await
    }
    async fn replace_threats(&self, threats: &[Threat]) -> Result<()> {
        self.replace_threats_(threats).await
    }
    async fn interactions(&self) -> Result<Vec<Interaction>> {
        self.interactions_().await
    }
    async fn replace_standings(&self, standings: &[StandingRow]) -> Result<()> {
        self.replace_standings_(standings).await
    }
    async fn identifiers(&self) -> Result<Vec<(i64, EntityType, String)>> {
        self.identifiers_().await
    }
    async fn replace_aliases(&self, aliases: &[AliasRow]) -> Result<()> {
        self.replace_aliases_(aliases).await
    }
    async fn aliases_of(&self, account: i64) -> Result<Vec<AliasRow>> {
        self.aliases_of_(account).await
    }
    async fn fact(&self, key: &str) -> Result<Option<String>> {
        Ok(query_scalar("SELECT value FROM fact WHERE key = ?")
            .bind(import::bounded(key))
            .fetch_optional(&self.pool)
            .await?)
    }
    async fn set_fact(&self, key: &str, value: &str) -> Result<()> {
        query("INSERT INTO fact (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
            .bind(import::bounded(key))
            .bind(import::clean(value))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
    async fn counts(&self) -> Result<Counts> {
        self.counts_().await
    }
    async fn forums(&self) -> Result<Vec<ForumRow>> {
        self.forums_().await
    }
    async fn entity_types(&self) -> Result<Vec<(String, u64)>> {
        self.entity_types_().await
    }
    async fn events_by_month(&self) -> Result<Vec<(String, String, u64)>> {
        self.events_by_month_().await
    }
    async fn threats(&self, filter: &ThreatFilter) -> Result<(u64, Vec<ThreatRow>)> {
        self.threats_(filter).await
    }
    async fn threat(&self, id: &str) -> Result<Option<ThreatRow>> {
        self.threat_(id).await
    }
    async fn threat_mentions(&self, id: &str) -> Result<Vec<EventRow>> {
        self.threat_mentions_(id).await
    }
    async fn threats_of_account(&self, account: i64) -> Result<Vec<(ThreatRow, u64)>> {
        self.threats_of_account_(account).await
    }
    async fn accounts(&self, filter: &PostFilter) -> Result<(u64, Vec<AccountRow>)> {
        self.accounts_(filter).await
    }
    async fn account(&self, id: i64) -> Result<Option<AccountRow>> {
        self.account_(id).await
    }
    async fn entities(&self, filter: &PostFilter) -> Result<(u64, Vec<EntitySummaryRow>)> {
        self.entities_(filter).await
    }
    async fn entity(&self, id: i64) -> Result<Option<EntitySummaryRow>> {
        self.entity_(id).await
    }
    async fn entity_counts(&self, filter: &PostFilter) -> Result<Vec<EntitySummaryRow>> {
        self.entity_counts_(filter).await
    }
    async fn posts(&self, filter: &PostFilter) -> Result<Vec<Post>> {
        self.posts_(filter).await
    }
    async fn threads(&self, ids: &[i64]) -> Result<Vec<ThreadRow>> {
        self.threads_(ids).await
    }
    async fn entities_of(&self, posts: &[i64]) -> Result<Vec<EntityRow>> {
        self.entities_of_(posts).await
    }
    async fn events_of(&self, posts: &[i64]) -> Result<Vec<EventRow>> {
        self.events_of_(posts).await
    }
    async fn quotes_of(&self, posts: &[i64]) -> Result<Vec<(i64, Option<i64>, Option<String>)>> {
        self.quotes_of_(posts).await
    }
    async fn store_analyses_of(
        &self,
        version: &str,
        posts: &[Post],
        analyses: &[PostAnalysis],
    ) -> Result<u64> {
        self.store_analyses_of_(version, posts, analyses).await
    }
    async fn pending_ids(&self, version: &str, below: i64, limit: u32) -> Result<Vec<i64>> {
        self.pending_ids_(version, below, limit).await
    }
    async fn pending_of(&self, version: &str, posts: &[i64]) -> Result<Vec<Post>> {
        self.pending_of_(version, posts).await
    }
    async fn forget_analyses(&self, after: i64, limit: u32) -> Result<Option<i64>> {
        self.forget_analyses_(after, limit).await
    }
    async fn quarantine(&self, version: &str, post: i64, reason: &str, at: Timestamp) -> Result<()> {
        self.quarantine_(version, post, reason, at).await
    }
    async fn quarantined(&self, limit: u32) -> Result<(u64, Vec<QuarantineRow>)> {
        self.quarantined_(limit).await
    }
    async fn release_quarantine(&self) -> Result<u64> {
        self.release_quarantine_().await
    }
    async fn swap_fact(&self, key: &str, from: &str, to: &str) -> Result<bool> {
        self.swap_fact_(key, from, to).await
    }
    async fn lead(&self, role: &str) -> Result<Option<Box<dyn Leadership>>> {
        self.lead_(role).await
    }

    // Access.
    async fn has_users(&self) -> Result<bool> {
        self.has_users_().await
    }
    async fn add_user(&self, user: &NewUser) -> Result<Option<i64>> {
        self.add_user_(user).await
    }
    async fn users(&self) -> Result<Vec<UserRow>> {
        self.users_().await
    }
    async fn user_named(&self, name: &str) -> Result<Option<UserRow>> {
        self.user_named_(name).await
    }
    async fn change_user(&self, id: i64, change: &UserChange) -> Result<UserChanged> {
        self.change_user_(id, change).await
    }
    async fn remove_user(&self, id: i64) -> Result<UserChanged> {
        self.remove_user_(id).await
    }
    async fn add_session(&self, session: &SessionRow) -> Result<()> {
        self.add_session_(session).await
    }
    async fn session(&self, hash: &str) -> Result<Option<(SessionRow, UserRow)>> {
        self.session_(hash).await
    }
    async fn session_seen(&self, hash: &str, seen: Timestamp) -> Result<()> {
        self.session_seen_(hash, seen).await
    }
    async fn end_session(&self, hash: &str) -> Result<()> {
        self.end_session_(hash).await
    }
    async fn add_token(&self, token: &TokenRow) -> Result<i64> {
        self.add_token_(token).await
    }
    async fn tokens(&self, user: i64) -> Result<Vec<TokenRow>> {
        self.tokens_(user).await
    }
    async fn token(&self, hash: &str) -> Result<Option<(TokenRow, UserRow)>> {
        self.token_(hash).await
    }
    async fn token_used(&self, id: i64, used: Timestamp) -> Result<()> {
        self.token_used_(id, used).await
    }
    async fn remove_token(&self, id: i64, user: i64) -> Result<bool> {
        self.remove_token_(id, user).await
    }
    async fn add_audit(&self, entry: &AuditRow) -> Result<()> {
        self.add_audit_(entry).await
    }
    async fn audit(&self, before: Option<i64>, offset: u32, limit: u32) -> Result<(u64, Vec<AuditRow>)> {
        self.audit_(before, offset, limit).await
    }
    async fn add_search(&self, search: &SavedSearch) -> Result<i64> {
        self.add_search_(search).await
    }
    async fn searches(&self, user: Option<i64>) -> Result<Vec<SavedSearch>> {
        self.searches_(user).await
    }
    async fn remove_search(&self, id: i64, user: Option<i64>) -> Result<bool> {
        self.remove_search_(id, user).await
    }
    async fn marks(&self) -> Result<Vec<MarkRow>> {
        self.marks_().await
    }
    async fn set_mark(&self, mark: &MarkRow) -> Result<()> {
        self.set_mark_(mark).await
    }
    async fn remove_mark(&self, account: i64) -> Result<()> {
        self.remove_mark_(account).await
    }
    async fn set_verdict(&self, one: i64, other: i64, verdict: Option<&str>) -> Result<()> {
        self.set_verdict_(one, other, verdict).await
    }
    async fn threat_facets(&self, filter: &ThreatFilter) -> Result<Vec<FacetRow>> {
        self.threat_facets_(filter).await
    }
    async fn pulse(&self) -> Result<Pulse> {
        self.pulse_().await
    }
    async fn posts_above(&self, after: i64) -> Result<Vec<(String, u64)>> {
        self.posts_above_(after).await
    }

    // Alerts.
    async fn watchlists(&self) -> Result<Vec<WatchlistRow>> {
        self.watchlists_().await
    }
    async fn save_watchlist(&self, watchlist: &WatchlistRow) -> Result<Option<i64>> {
        self.save_watchlist_(watchlist).await
    }
    async fn delete_watchlist(&self, id: i64) -> Result<bool> {
        self.delete_watchlist_(id).await
    }
    async fn channels(&self) -> Result<Vec<ChannelRow>> {
        self.channels_().await
    }
    async fn save_channel(&self, channel: &ChannelRow) -> Result<Option<i64>> {
        self.save_channel_(channel).await
    }
    async fn delete_channel(&self, id: i64, now: Timestamp) -> Result<bool> {
        self.delete_channel_(id, now).await
    }
    async fn rules(&self) -> Result<Vec<RuleRow>> {
        self.rules_().await
    }
    async fn save_rule(&self, rule: &RuleRow) -> Result<Option<i64>> {
        self.save_rule_(rule).await
    }
    async fn delete_rule(&self, id: i64) -> Result<bool> {
        self.delete_rule_(id).await
    }
    async fn unjudged(&self, limit: u32) -> Result<Vec<i64>> {
        self.unjudged_(limit).await
    }
    async fn rule_hits(&self, rule: i64, since: Timestamp) -> Result<Vec<(i64, Timestamp)>> {
        self.rule_hits_(rule, since).await
    }
    async fn last_rung(&self, rule: i64) -> Result<Option<Timestamp>> {
        self.last_rung_(rule).await
    }
    async fn record_alerts(&self, round: &AlertRound) -> Result<Vec<i64>> {
        self.record_alerts_(round).await
    }
    async fn alerts(&self, filter: &AlertFilter) -> Result<(u64, Vec<AlertRow>)> {
        self.alerts_(filter).await
    }
    async fn set_alert_state(&self, id: i64, state: &str) -> Result<bool> {
        self.set_alert_state_(id, state).await
    }
    async fn add_delivery(&self, channel: &ChannelRow, key: &str, now: Timestamp) -> Result<DeliveryRow> {
        self.add_delivery_(channel, key, now).await
    }
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>> {
        self.deliveries_(filter).await
    }
    async fn claim_delivery(&self, id: i64, attempts: u32, next_try: Timestamp) -> Result<bool> {
        self.claim_delivery_(id, attempts, next_try).await
    }
    async fn record_try(
        &self,
        id: i64,
        state: &str,
        finished: Option<Timestamp>,
        detail: &str,
    ) -> Result<()> {
        self.record_try_(id, state, finished, detail).await
    }

    // Corrections.
    async fn add_label(&self, label: &Label) -> Result<i64> {
        self.add_label_(label).await
    }
    async fn labels(&self, posts: Option<&[i64]>) -> Result<Vec<Label>> {
        self.labels_(posts).await
    }
    async fn remove_label(&self, id: i64) -> Result<bool> {
        self.remove_label_(id).await
    }
    async fn mentions_of(&self, posts: &[i64]) -> Result<Vec<Mention>> {
        self.mentions_(Some(posts)).await
    }
    async fn update_threats(&self, changed: &[Threat], gone: &[String]) -> Result<()> {
        self.update_threats_(changed, gone).await
    }
}

fn damaged(what: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(what.to_string())
}
