//! Differentiable operations that candle has only as chains of small ones: GELU, softmax of the last dimension, layer
//! normalisation without its affine part. Fused, they cost one pass forward and one back.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use tm_extract::neural::{erf, exp};

fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(data) = storage else { bail!("expected f32") };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&data[start..end]),
        None => bail!("expected contiguous data"),
    }
}

fn width(layout: &Layout) -> Result<usize> {
    match layout.dims().last() {
        Some(&n) if n > 0 => Ok(n),
        _ => bail!("expected a last dimension"),
    }
}

/// Which operation.
#[derive(Clone, Copy)]
enum Kind {
    Gelu,
    Softmax,
    Norm { epsilon: f32 },
}

struct Forward(Kind);
struct Backward(Kind);

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        "fused-forward"
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut out = floats(storage, layout)?.to_vec();
        match self.0 {
            Kind::Gelu => out.iter_mut().for_each(|x| *x *= normal_cdf(*x)),
            Kind::Softmax => out.chunks_exact_mut(width(layout)?).for_each(|row| {
                let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                row.iter_mut().for_each(|x| *x = exp(*x - max));
                let sum: f32 = row.iter().sum();
                row.iter_mut().for_each(|x| *x /= sum);
            }),
            Kind::Norm { epsilon } => out.chunks_exact_mut(width(layout)?).for_each(|row| {
                let (mean, inverse) = moments(row, epsilon);
                row.iter_mut().for_each(|x| *x = (*x - mean) * inverse);
            }),
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
    fn bwd(&self, input: &Tensor, result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        // Softmax needs its result only; the others start from the input.
        let from = if matches!(self.0, Kind::Softmax) { result } else { input };
        Ok(Some(from.detach().apply_op2_no_bwd(&gradient.contiguous()?, &Backward(self.0))?))
    }
}

impl CustomOp2 for Backward {
    fn name(&self) -> &'static str {
        "fused-backward"
    }
    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let from = floats(storage, layout)?;
        let mut out = floats(gradient, gradient_layout)?.to_vec();
        let n = width(layout)?;
        match self.0 {
            Kind::Gelu => out.iter_mut().zip(from).for_each(|(g, &x)| {
                let density = exp(-0.5 * x * x) * 0.398_942_3;
                *g *= normal_cdf(x) + x * density;
            }),
            Kind::Softmax => out.chunks_exact_mut(n).zip(from.chunks_exact(n)).for_each(|(g, y)| {
                let dot: f32 = g.iter().zip(y).map(|(g, y)| g * y).sum();
                g.iter_mut().zip(y).for_each(|(g, y)| *g = y * (*g - dot));
            }),
            Kind::Norm { epsilon } => out.chunks_exact_mut(n).zip(from.chunks_exact(n)).for_each(|(g, x)| {
                let (mean, inverse) = moments(x, epsilon);
                let g_mean = g.iter().sum::<f32>() / n as f32;
                let dot = g.iter().zip(x).map(|(g, x)| g * (x - mean) * inverse).sum::<f32>() / n as f32;
                g.iter_mut()
                    .zip(x)
                    .for_each(|(g, x)| *g = inverse * (*g - g_mean - (x - mean) * inverse * dot));
            }),
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

fn normal_cdf(x: f32) -> f32 {
    0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

fn moments(row: &[f32], epsilon: f32) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = row.iter().sum::<f32>() / n;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

/// Gaussian error linear unit, exact form.
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Forward(Kind::Gelu))
}

/// Softmax over the last dimension.
pub(crate) fn softmax(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Forward(Kind::Softmax))
}

/// Layer normalisation over the last dimension.
pub(crate) fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f32) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Forward(Kind::Norm { epsilon }))?.broadcast_mul(weight)?.broadcast_add(bias)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    /// Compares the gradient with central differences.
    fn check(op: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
        let weights = Tensor::new(&[[0.3f32, -1.2, 0.7, 0.1], [1.0, 0.5, -0.4, 2.0]], &Device::Cpu)?;
        let values = [[0.5f32, -1.0, 2.0, 0.1], [1.5, 0.2, -0.3, 0.9]];
        let loss = |x: &Tensor| (op(x)? * &weights)?.sum_all();
        let x = Var::new(&values, &Device::Cpu)?;
        let gradients = loss(x.as_tensor())?.backward()?;
        let got = gradients.get(&x).expect("x takes part").flatten_all()?.to_vec1::<f32>()?;
        for i in 0..8 {
            let shifted = |by: f32| -> Result<f32> {
                let mut v = values;
                v[i / 4][i % 4] += by;
                loss(&Tensor::new(&v, &Device::Cpu)?)?.to_scalar()
            };
            let expect = (shifted(1e-2)? - shifted(-1e-2)?) / 2e-2;
            assert!((got[i] - expect).abs() < 5e-3, "{i}: {} {expect}", got[i]);
        }
        Ok(())
    }

    #[test]
    fn gradients_are_right() -> Result<()> {
        let (one, zero) = (
            Tensor::ones(4, candle_core::DType::F32, &Device::Cpu)?,
            Tensor::zeros(4, candle_core::DType::F32, &Device::Cpu)?,
        );
        check(gelu)?;
        check(softmax)?;
        check(|x| layer_norm(x, &one, &zero, 1e-5))
    }
}
