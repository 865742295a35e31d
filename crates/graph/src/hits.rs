//! Hubs and authorities (Kleinberg 1999).
//!
//! Authorities are the principal eigenvector of AᵀA. Plain power iteration needs hundreds of steps when the second
//! eigenvalue is near; here each step looks for the best vector in the plane of the current one, its residual and the last
//! step (locally optimal conjugate gradients, Knyazev 2001, without a preconditioner). Begun from the uniform vector, so
//! that of several equal eigenvectors the same combination is found as by power iteration.

use crate::csr::{Graph, Rows};
use rayon::prelude::*;

/// Scores of the nodes; both add up to one, all are zero where there is no edge at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hits {
    /// Who points to good authorities.
    pub hubs: Vec<f64>,
    /// Who is pointed to by good hubs.
    pub authorities: Vec<f64>,
}

/// `out[v]` = sum over the row of `v`.
fn multiply(rows: &Rows, x: &[f64], out: &mut [f64]) {
    const GRAIN: usize = 2048;
    let part = |first: usize, part: &mut [f64]| {
        for (k, y) in part.iter_mut().enumerate() {
            let range = rows.range(first + k);
            let (nodes, weights) = (&rows.node[range.clone()], &rows.weight[range]);
            *y = nodes.iter().zip(weights).map(|(u, w)| x[*u as usize] * f64::from(*w)).sum();
        }
    };
    if rayon::current_num_threads() > 1 && rows.len() > 1 << 15 {
        out.par_chunks_mut(GRAIN).enumerate().for_each(|(i, p)| part(i * GRAIN, p));
    } else {
        part(0, out);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Several sums for speed, always the same ones.
    let (ca, cb) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = ca.remainder().iter().zip(cb.remainder()).map(|(x, y)| x * y).sum();
    let mut four = [0.0f64; 4];
    for (x, y) in ca.zip(cb) {
        for k in 0..4 {
            four[k] += x[k] * y[k];
        }
    }
    (four[0] + four[1]) + (four[2] + four[3]) + rest
}

/// Principal eigenvector of a small symmetric matrix, by cyclic Jacobi rotations.
fn principal(mut m: [[f64; 3]; 3], size: usize) -> [f64; 3] {
    let mut vectors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for _ in 0..30 {
        for p in 0..size {
            for q in p + 1..size {
                if m[p][q].abs() < 1e-300 {
                    continue;
                }
                let theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in m.iter_mut() {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                let (first, second) = (m[p], m[q]);
                m[p] = std::array::from_fn(|k| c * first[k] - s * second[k]);
                m[q] = std::array::from_fn(|k| s * first[k] + c * second[k]);
                for row in vectors.iter_mut() {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
            }
        }
    }
    let best = (0..size).max_by(|&a, &b| m[a][a].total_cmp(&m[b][b])).unwrap_or(0);
    [vectors[0][best], vectors[1][best], vectors[2][best]]
}

/// Hubs and authorities, iterated until the residual is below `tolerance` of the eigenvalue, at most `steps` times.
pub fn hits(graph: &Graph, tolerance: f64, steps: u32) -> Hits {
    let nodes = graph.nodes();
    if graph.edges() == 0 {
        return Hits { hubs: vec![0.0; nodes], authorities: vec![0.0; nodes] };
    }
    let mut middle = vec![0.0; nodes];
    let mut apply = |x: &[f64], out: &mut [f64]| {
        multiply(graph.out(), x, &mut middle);
        multiply(graph.incoming(), &middle, out);
    };
    let mut x = vec![1.0 / (nodes as f64).sqrt(); nodes];
    let mut mx = vec![0.0; nodes];
    apply(&x, &mut mx);
    let (mut r, mut mr) = (vec![0.0; nodes], vec![0.0; nodes]);
    let (mut p, mut mp) = (vec![0.0; nodes], vec![0.0; nodes]);
    let mut direction = false;
    for step in 0..steps {
        let value = dot(&x, &mx);
        for i in 0..nodes {
            r[i] = mx[i] - value * x[i];
        }
        if value <= 0.0 || dot(&r, &r).sqrt() <= tolerance * value {
            break;
        }
        // An orthonormal basis of x, r, p, with the images of its vectors.
        let along = dot(&r, &x);
        for i in 0..nodes {
            r[i] -= along * x[i];
        }
        let length = dot(&r, &r).sqrt();
        r.iter_mut().for_each(|e| *e /= length);
        apply(&r, &mut mr);
        let mut size = 2;
        if direction {
            for _ in 0..2 {
                let (ax, ar) = (dot(&p, &x), dot(&p, &r));
                for i in 0..nodes {
                    p[i] -= ax * x[i] + ar * r[i];
                    mp[i] -= ax * mx[i] + ar * mr[i];
                }
            }
            let length = dot(&p, &p).sqrt();
            if length > 1e-14 {
                p.iter_mut().for_each(|e| *e /= length);
                mp.iter_mut().for_each(|e| *e /= length);
                size = 3;
            }
        }
        let (basis, images) = ([&x, &r, &p], [&mx, &mr, &mp]);
        let mut small = [[0.0; 3]; 3];
        for a in 0..size {
            for b in a..size {
                small[a][b] = dot(basis[a], images[b]);
                small[b][a] = small[a][b];
            }
        }
        let mut c = principal(small, size);
        if c[0] < 0.0 {
            c = c.map(|e| -e);
        }
        for i in 0..nodes {
            let (d, md) = (c[1] * r[i] + c[2] * p[i], c[1] * mr[i] + c[2] * mp[i]);
            p[i] = d;
            mp[i] = md;
            x[i] = c[0] * x[i] + d;
            mx[i] = c[0] * mx[i] + md;
        }
        let length = dot(&p, &p).sqrt();
        direction = length > 1e-14;
        if direction {
            p.iter_mut().for_each(|e| *e /= length);
            mp.iter_mut().for_each(|e| *e /= length);
        }
        // Images are carried along by sums; rounding is cleared from time to time.
        if step % 16 == 15 {
            let length = dot(&x, &x).sqrt();
            x.iter_mut().for_each(|e| *e /= length);
            apply(&x, &mut mx);
        }
    }
    drop((r, mr, p, mp, mx));
    let scaled = |mut v: Vec<f64>| {
        v.iter_mut().for_each(|e| *e = e.max(0.0));
        let sum: f64 = v.iter().sum();
        if sum > 0.0 {
            v.iter_mut().for_each(|e| *e /= sum);
        }
        v
    };
    let authorities = scaled(x);
    multiply(graph.out(), &authorities, &mut middle);
    Hits { hubs: scaled(middle), authorities }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::EdgeList;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        // networkx.hits on 0→1, 0→2, 3→2, 2→1.
        let g = Graph::new(
            4,
            [(0, 1, 1.0), (0, 2, 1.0), (3, 2, 1.0), (2, 1, 1.0)].into_iter().collect::<EdgeList>(),
        )
        .unwrap();
        let h = hits(&g, 1e-12, 500);
        for (a, b) in h.authorities.iter().zip([0.0, 0.5, 0.5, 0.0]) {
            assert!((a - b).abs() < 1e-9, "{h:?}");
        }
        for (a, b) in h.hubs.iter().zip([0.5, 0.0, 0.25, 0.25]) {
            assert!((a - b).abs() < 1e-9, "{h:?}");
        }
        assert_eq!(hits(&Graph::new(2, EdgeList::default()).unwrap(), 1e-9, 9).hubs, [0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn agrees_with_power_iteration(edges in proptest::collection::vec((0u32..10, 0u32..10, 1u8..4), 1..50)) {
            let mut m = vec![vec![0.0f64; 10]; 10];
            for &(a, b, w) in &edges {
                m[a as usize][b as usize] += f64::from(w);
            }
            let mut x = vec![1.0f64; 10];
            for _ in 0..20_000 {
                let h: Vec<f64> = (0..10).map(|u| (0..10).map(|v| m[u][v] * x[v]).sum()).collect();
                x = (0..10).map(|v| (0..10).map(|u| m[u][v] * h[u]).sum()).collect();
                let s: f64 = x.iter().sum();
                x.iter_mut().for_each(|e| *e /= s);
            }
            let g = Graph::new(10, edges.iter().map(|&(a, b, w)| (a, b, f32::from(w))).collect::<EdgeList>()).unwrap();
            let h = hits(&g, 1e-12, 2000);
            // Both find an eigenvector; where two eigenvalues nearly meet, power iteration has not got there.
            let image = |x: &[f64]| -> f64 {
                let h: Vec<f64> = (0..10).map(|u| (0..10).map(|v| m[u][v] * x[v]).sum()).collect();
                h.iter().map(|e| e * e).sum::<f64>() / x.iter().map(|e| e * e).sum::<f64>()
            };
            prop_assert!((image(&h.authorities) - image(&x)).abs() < 1e-7 * image(&x));
            prop_assert!((h.authorities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
