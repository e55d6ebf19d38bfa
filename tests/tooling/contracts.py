"""A contract about modules that need not be there yet."""

from typing import cast

from grimp import ImportGraph
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.domain.contract import ContractCheck
from importlinter.domain.imports import ModuleExpression


class ForbiddenOncePresent(ForbiddenContract):
    """Forbids like `forbidden`, and passes over modules of the project that do not exist yet."""

    type_name = "forbidden_once_present"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        def present(expression: ModuleExpression) -> bool:
            name = expression.expression
            return not name.startswith("leasehold.") or name in graph.modules

        for side in ("source_modules", "forbidden_modules"):
            named = cast("set[ModuleExpression]", getattr(self, side))
            setattr(self, side, {expression for expression in named if present(expression)})
        return super().check(graph, verbose)
