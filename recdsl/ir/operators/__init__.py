"""The operators, one table a family; the one place that knows an operator.

`table.OPERATORS` holds an `Operator` (operator.py) for each: its type rule, derivative, range rule, linearity and, for
elementwise ones, its evaluation. A new one is an entry in its family's table and in the cases of its tests.

elementwise   operands lined up by name, result over the union of their dims and axes
                neg abs sign floor ceil round exp expm1 log log1p sqrt rsqrt reciprocal sin cos tan sinh cosh atan
                tanh sigmoid logsigmoid relu silu gelu softplus elu mish erf hardsigmoid hardtanh
                real imag conj angle not
                add sub mul div mod pow maximum minimum logaddexp atan2 complex
                eq ne lt le gt ge and or
                where(condition, then, else) clamp(x, low, high)
                stop(x) quantise(x, bits) dropout(x, rate)
              Arithmetic joins kinds, with truth values as 0 and 1; div, pow and transcendental functions give at least
              real; floor and its kin keep the kind. The gradient of quantise is that of its clip to [-1, 1].
reduction     `over`: names of the dims and axes (or "pred") that go away; ("*",) is everything, the batch too
                sum mean max min prod logsumexp norm argmax all any
along         `over`: names of the dims and axes worked along, which stay
                softmax cumsum topk(x, count: True for the `count` largest, ties to the lowest index)
contraction   linear(x, weight[, bias])  `contract`, `into`, `per`: tuples of Dim. Weight layout
                ((*into), (*contract)), with `per` dims ((*per), (*into), (*contract)); bias ((*into)) or
                ((*per), (*into)). Result dims: the dims of x that are not contracted (per and others), then into.
                `transposed` (False unless given): the weight's layout is ((*contract), (*into)), with `per` dims
                ((*per), (*contract), (*into)): the same weight the other way round, in a derivative.
              matrix(weight)  `rows`, `columns`, `per`: the weight of a linear map as a value with the dims per, rows, columns;
                `transposed` as above; `bias` says that it is one, which has no columns.
              conv(x, weight[, bias])  `axes`: names; `window`, `stride`, `dilation`: tuples of Size, one an axis;
                `causal`: bool; `contract`, `into`, `per` as above, groups = per. Weight layout
                ((*per, *into), (*contract), (window 1), …), bias ((*per, *into)). Zero outside. With
                extent = dilation*(window-1)+1, output point p reads points p*stride - left + dilation*0…window-1,
                left = extent-1 when causal, else max(extent-stride, 0)//2. Output length ceil(length/stride).
shape         rename(x) `old`, `new`;  pick(x, index) `name`: a negative index counts from the end
              merge(x) `names`, `into` (a Dim, or an Axis when axes are merged; the first name varies slowest)
              split(x) `name`, `into` (a tuple of Dim, or of Axis)
              concat(x, …) `dim`: the resulting Dim;  stack(x, …) `dim`: the new Dim, behind the others, leftmost
                operand first
              slice(x) `name`, `start`, `stop` (Size);  flip(x) `names`
              gather(x, index) `name`: index (int) along that dim or axis, over the union of the other dims
              scatter(x, index) `dim`: a new Dim, behind the others, zero except at index
              maxpool(x), avgpool(x) `axes`, `window` (Size): windows side by side, length floor(length/window)
              upsample(x) `axes`, `factor` (Size): every point repeated
              broadcast(x) `dims`: tuple of Dim that x gets in addition, in front
              diagonal(x) `kept`, `taken`: names of two dims of equal size, x where they have the same index
              inverse(x) `rows`, `columns`: names of two dims of equal size
source        noise(std) `dims`, `axes`: normal draws, a new one per point and element
              normal(mean, std) uniform(low, high) orthogonal(gain): only in the start of a weight
whole         batchnorm(x, weight, bias, mean, variance) `eps`, `momentum`: per dim over batch and axes
              extern(…) `name`, `dims`, `kind` (real unless given): what the host binds
              grad(loss, read): the derivative of the sum of loss by the read, everything at this point followed,
                other reads at shifts held fixed; taken away by recdsl/rewrite/differentiate.py
"""
