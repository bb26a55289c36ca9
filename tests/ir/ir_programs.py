"""Small programs that together use every part of the IR."""

LSTM = """
# Long short-term memory
layer lstm(D, H) over t:
  in x : D
  i, f, o : H = sigmoid(linear(x) + linear(h[t-1]))
  g : H = tanh(linear(x) + linear(h[t-1]))
  c = f * c[t-1] + i * g
  h = o * tanh(c)
  out h
"""

STABILISED = """
layer stabilised(D, H = 4, K = D/H) over t:
  in x : D
  in shift : H static
  q, k : H K = linear(x)
  a : H = linear(x)
  init m = shift - 3 * index[t]
  m = max(a + m[t-1], q[t-4, K=0])
  s : H K = exp(a + m[t-1] - m) * s[t-1] + sqrt(K) * k
  out y : D = linear(merge(s, H K -> D) * silu(x))
"""

GRID = """
layer wavefront(D, H = 2*D) over i, j:
  in x : D
  p : H = conv(x, 3 -> H)
  h : H = tanh(p + linear(h[i-1, j+1]) + h[i, j-1])
  out h
"""

DAG = """
layer along_edges(D, F, H) over n in dag:
  in x : D
  in e : F edge
  gate : H = sigmoid(linear(x))
  edge C : H = gate * linear(e) + sum[pred](sigmoid(linear(e[pred]) + linear(e)) * C[pred])
  out y : H = sum[pred](C[pred]) + gate
"""

CYCLES = """
layer nearby(D) over n in graph:
  in x : D
  out y : D = linear(mean[pred](x[pred]))

model rounds(D) over n in graph:
  in x : D
  h = x
  loop 2 as round:
    h = tanh(h + nearby(h) + sum[pred](h[pred]))
  out h
"""

DEPTH = """
layer block(D) over t:
  in x : D
  s : D = linear(s[t-1]) + x
  out rmsnorm(s)

model deep(V, D = 8, N = 5, eps = 0.01) over t:
  in ids : token[V]
  x : D = embed(ids)
  halt : scalar = 0
  path level = 0..1, skip 2, loop 2 (3..4)
  repeat N as level:
    x += block(x)
  loop N as turn:
    x = x + linear(turn * x)
    halt += sigmoid(linear(x))
    until all(halt >= 1 - eps)
  out logits : V = linear(x)
"""

LEARNER = """
layer learner(D, K, V) over t:
  in x : D
  k : K = linear(x)
  v : V = linear(x)
  loss = sum[V]((sum[K](k * M[t-1]) - v) ^ 2)
  M : K V = 0.9 * M[t-1] - grad(loss, M[t-1])
  out o : V = sum[K](k * M)
"""

PAST = """
layer past(D, K) over t:
  in x : D
  out y : D = sum[s](w * x[t->s])
  w = softmax[s](where(s <= t, sum[K](q * k[t->s]), -inf))
  q, k : K = linear(x)
"""

PROGRAMS = {
    "lstm": LSTM,
    "stabilised": STABILISED,
    "wavefront": GRID,
    "along_edges": DAG,
    "rounds": CYCLES,
    "deep": DEPTH,
    "learner": LEARNER,
    "past": PAST,
}
