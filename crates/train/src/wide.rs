//! Plain loops compiled a second time for wide vectors. Nothing is contracted or reordered, so both give the same bits.

/// Defines a function whose body runs with AVX-512 where the processor has it. What the body calls must be
/// `#[inline(always)]`, else it stays narrow.
macro_rules! wide {
    ($(#[$meta:meta])* fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        #[allow(unsafe_code, clippy::too_many_arguments)]
        fn $name($($argument: $kind),*) {
            #[inline(always)]
            fn plain($($argument: $kind),*) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
                fn wide($($argument: $kind),*) {
                    plain($($argument),*);
                }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the instruction sets were asked for just above.
                    return unsafe { wide($($argument),*) };
                }
            }
            plain($($argument),*);
        }
    };
}
pub(crate) use wide;
