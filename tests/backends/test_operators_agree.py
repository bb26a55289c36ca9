"""Every operator and shape on pointwise layers, against the reference interpreter."""

from __future__ import annotations

from typing import Any

import pytest
from agreement import Pair

POINTWISE: dict[str, tuple[Any, ...]] = {
    "unary": (
        """\
layer a(D):
  in x : D
  y0 = abs(x)
  y1 = sign(x)
  y2 = floor(x)
  y3 = ceil(x)
  y4 = round(x)
  y5 = exp(x)
  y6 = expm1(x)
  y7 = log1p(abs(x) + 1.5)
  y8 = sqrt(abs(x) + 1.5)
  y9 = rsqrt(abs(x) + 1.5)
  y10 = reciprocal(abs(x) + 1.5)
  y11 = sin(x)
  y12 = cos(x)
  y13 = tan(x)
  y14 = sinh(x)
  y15 = cosh(x)
  y16 = atan(x)
  y17 = tanh(x)
  y18 = sigmoid(x)
  y19 = logsigmoid(x)
  y20 = relu(x)
  y21 = silu(x)
  y22 = gelu(x)
  y23 = softplus(x)
  y24 = elu(x)
  y25 = mish(x)
  y26 = erf(x)
  y27 = hardsigmoid(x)
  y28 = hardtanh(x)
  y29 = stop(x)
  out y0 + y1 + y2 + y3 + y4 + y5 + y6 + y7 + y8 + y9 + y10 + y11 + y12 + y13 + y14 + y15 + y16 + y17 + y18 + y19 + y20 + y21 + y22 + y23 + y24 + y25 + y26 + y27 + y28 + y29
""",
        {"D": 3},
    ),
    "binary": (
        """\
layer a(D, E):
  in x : D
  in z : E
  y = max(x, z) + min(x, 0) + logaddexp(x, z) + atan2(x, 2) + x / (1 + z^2) - x % 0.7 + abs(x) ^ 1.5 + clamp(x, -1, 1) + where(x > z and not x < 0, x, 2)
  out y
""",
        {"D": 3, "E": 2},
    ),
    "red": (
        """\
layer a(D, E):
  in x : D E
  out y : E = sum[D](x) + mean[D](x) + max[D](x) + min[D](x) + prod[D](x) + logsumexp[D](x) + norm[D](x) + argmax[D](x) + sum(x)+norm(x)+ max(x)
""",
        {"D": 3, "E": 2},
    ),
    "along": (
        """\
layer a(D, E):
  in x : D E
  out softmax(x) + softmax[D](x) + cumsum[E](x) + where(topk[D](x, 2), x, 0)
""",
        {"D": 3, "E": 2},
    ),
    "shapes": (
        """\
layer a(D, E, F=D*E, G=2*D):
  in x : D E
  m : F = merge(x, D E -> F)
  n = split(m, F -> D E)
  c = concat[D](x, n)
  st = stack[G2](x, n)
  sl = slice[E](x, 0, 2)
  fl = flip[D](x)
  out y : D E = n + fl + sum[G2](st) + sum[D](c) + sum(sl)
""",
        {"D": 3, "E": 4},
    ),
    "gather": (
        """\
layer a(D, E):
  in x : D E
  i : E = argmax[D](x)
  g = gather[D](x, i)
  s = scatter[D](g, i)
  p = x[D=1] + x[D=-1]
  out y : D E = s + p + x*0.1
""",
        {"D": 3, "E": 3},
    ),
    "inv": (
        """\
layer a(N, M=N):
  in x : N M
  out inverse[N M](x + 3*where(index[N] == index[M], 1, 0))
""",
        {"N": 3},
    ),
    "per": (
        """\
layer a(H, D, E):
  in x : H D
  out y : H E = linear(x, per = H)
""",
        {"H": 2, "D": 3, "E": 4},
    ),
    "lin": (
        """\
layer a(H, D, E):
  in x : H D
  in s : scalar
  y : scalar = linear(x)
  z : H D E = linear(s)
  out w : E H = linear(x, per=H, bias=no) * y * sum[D](z)
""",
        {"H": 2, "D": 3, "E": 4},
    ),
    "linsame": (
        """\
layer a(D):
  in x : D
  out y : D = linear(linear(x -> D), init = zeros) + linear(x, init=normal(0,0.1))
""",
        {"D": 3},
    ),
    "quant": (
        """\
layer a(D):
  in x : D
  out quantise(x, 4)
""",
        {"D": 30},
    ),
    "complex": (
        """\
layer a(D):
  in x : D
  z = complex(x, 2*x)
  w = exp(z * complex(0, 1)) * conj(z)
  out real(w) + imag(w) + abs(w) + angle(z)
""",
        {"D": 3},
    ),
    "embed": (
        """\
layer a(V, D):
  in i : token[V]
  out y : D = embed(i)
""",
        {"V": 5, "D": 3},
    ),
    "weights": (
        """\
layer a(D, E=2):
  in x : D
  param w : D E ~ normal(0, 1)
  param u : E = index[E] + 1
  const c : D = 3
  param o : E D ~ orthogonal(1)
  param f ~ uniform(0,1)
  out y : E = sum[D](w*x*c) * u + sum[D](o * x) + f
""",
        {"D": 3},
    ),
    "names": (
        """\
layer lambda_(D, self=2, train=1.5):
  in in : D
  in torch : D
  state = in * 2
  class : D = linear(state)
  forward : D = linear(torch)
  l = class + forward
  F = l * self * train
  list : D = linear(F)
  out list + F
""",
        {"D": 3},
    ),
    "cellmod": (
        """\
layer a(D, H):
  in x : D
  in h : H
  out gru_cell(x, h, H = H)
""",
        {"D": 3, "H": 2},
    ),
    "repeatpw": (
        """\
layer a(D, N=3):
  in x : D
  h = x
  repeat N as b:
    h += tanh(linear(h)) * b
  out h
""",
        {"D": 3},
    ),
    "looppw": (
        """\
layer a(D, N=3):
  in x : D
  h = 0 * x
  n : scalar = 0
  loop N as c:
    h = tanh(linear(h) + x + c)
    n += mean(h)
  out h + n
""",
        {"D": 3},
    ),
    "mixture": (
        """\
layer e(D):
  in x : D
  out tanh(linear(x->D))
layer a(D, E=3):
  in x : D
  out mixture(x, e, scores = linear(x -> E), top = 2)
""",
        {"D": 3},
    ),
    "posn": (
        """\
layer a(D):
  in p : scalar
  out position(p, D)
""",
        {"D": 4},
    ),
}


@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise(name: str) -> None:
    source, sizes = POINTWISE[name]
    pair = Pair(source, sizes)
    pair.assert_same(pair.inputs(3))
