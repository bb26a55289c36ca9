"""The grammar of RDL as package data: `rdl.lark` and the editor grammars beside it."""
