"""`rank_one`: the helper of that name, or its form for a decay along one side, on queries, keys and values."""

from __future__ import annotations

from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.matrix import Matrix

from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """S = decay * S[t-1] + Σ key * value, and what is read of it."""
    matrix = Matrix(scope, stage)
    solve = matrix.solve
    first = [matrix.first_state(matrix.state)]
    roles = dict(solve.roles)
    count = sum(name.startswith("key") for name in roles)
    suffixes = ["", *(f"_{place}" for place in range(2, count + 1))]
    keys = matrix.stacked([matrix.side(roles[f"key{each}"], solve.keys, 0) for each in suffixes])
    values = matrix.stacked([matrix.side(roles[f"value{each}"], solve.values) for each in suffixes])
    queries = matrix.stacked([matrix.side(each.query, solve.keys) for each in solve.readings])
    if "decay" in roles:
        helper, decay = "rank_one", matrix.side(roles["decay"], (), 1)
    else:
        own = roles["log_decay"] if "log_decay" in roles else roles["gate"]
        by_key = bool(set(own.type.dim_names) & set(solve.keys))
        helper = "rank_one_gated" if by_key else "rank_one_gated_values"
        decay = matrix.logarithm("", solve.keys if by_key else solve.values)
    scope.help("rank_one" if helper == "rank_one" else "rank_one_gated")
    matrix.print(helper, [queries, keys, values, decay], first)
