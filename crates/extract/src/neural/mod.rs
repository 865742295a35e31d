//! The neural model: tokenizer, encoder, heads, decoding, and the linear gate before them.

mod decode;
mod encoder;
mod gate;
mod kernel;
mod math;
mod model;
mod tokenizer;

pub use decode::Opinion;
pub(crate) use encoder::Scratch;
pub use gate::{GATE_BIAS, gate_features, gate_score};
pub use kernel::Instructions;
pub use math::{erf, exp};
pub use model::{
    ARGUMENT_TAGS, Calibration, ENTITY_TAGS, FORMAT, GATE_FEATURES, LINK_BUCKETS, LINK_WIDTH, Model,
    ModelConfig, ModelError, POST_OUTPUTS, Q4_BLOCK, Q4_BYTES, Scaling, TAGGED_ENTITIES, TOKEN_TAGS,
    TRIGGER_TAGS, Thresholds, add_q4_row, half_to_f32, link_bucket,
};
pub use tokenizer::{Token, Tokenizer};
