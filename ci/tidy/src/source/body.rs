//! What a module declares, imports and mentions.

use syn::{
    Attribute, Expr, ExprLit, File, ImplItemFn, Item, ItemFn, ItemMod, ItemUse, Lit, Macro, Meta,
    MetaNameValue, Path, UseTree, Visibility,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::{
    facts::{Body, Child, Import, Mention},
    tokens,
};

/// The module that a file is.
pub(super) fn of_file(file: &File) -> Body {
    of_items(&file.items)
}

fn of_items(items: &[Item]) -> Body {
    let mut reader = Reader::default();
    for item in items {
        if let Some(name) = declared(item) {
            reader.body.items.insert(name);
        }
        reader.visit_item(item);
    }
    reader.body
}

#[derive(Default)]
struct Reader {
    body: Body,
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        // A module for tests is noted: maps need not name it.
        if matches!(item, Item::Mod(_)) || !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_test_only(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test_only(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let test_only = is_test_only(&item.attrs);
        let inline = item
            .content
            .as_ref()
            .map(|(_, items)| if test_only { Body::default() } else { of_items(items) });
        self.body.children.push(Child {
            name: item.ident.to_string(),
            line: item.ident.span().start().line,
            test_only,
            path: path_attribute(&item.attrs),
            inline,
        });
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // `use ::name` is a crate whatever this module has.
        if item.leading_colon.is_none() {
            let exported = !matches!(item.vis, Visibility::Inherited);
            let mut before = Vec::new();
            imports(&item.tree, &mut before, exported, &mut self.body.imports);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let parts = path.segments.iter().map(|part| part.ident.to_string()).collect();
            let line = path.span().start().line;
            self.body.mentions.push(Mention { path: parts, line });
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        tokens::paths(&call.tokens, &mut self.body.mentions);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            tokens::paths(&list.tokens, &mut self.body.mentions);
            tokens::quoted_paths(&list.tokens, &mut self.body.mentions);
        }
    }
}

fn imports(tree: &UseTree, before: &mut Vec<String>, exported: bool, found: &mut Vec<Import>) {
    let line = tree.span().start().line;
    let mut add = |name: String, last: Option<String>, before: &[String]| {
        let mut path = before.to_vec();
        path.extend(last);
        found.push(Import { name, path, exported, line });
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            imports(&path.tree, before, exported, found);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            add(before.last().cloned().unwrap_or_default(), None, before);
        }
        UseTree::Name(name) => add(name.ident.to_string(), Some(name.ident.to_string()), before),
        UseTree::Rename(rename) if rename.ident == "self" => {
            add(rename.rename.to_string(), None, before);
        }
        UseTree::Rename(rename) => {
            add(rename.rename.to_string(), Some(rename.ident.to_string()), before);
        }
        UseTree::Glob(_) => add("*".to_owned(), None, before),
        UseTree::Group(group) => {
            for tree in &group.items {
                imports(tree, before, exported, found);
            }
        }
    }
}

/// The name that an item gives to its module, unless it is a module or an import.
fn declared(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::ExternCrate(_)
        | Item::ForeignMod(_)
        | Item::Impl(_)
        | Item::Mod(_)
        | Item::Use(_)
        | Item::Verbatim(_)
        | _ => return None,
    };
    Some(name.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::ExternCrate(_)
        | Item::ForeignMod(_)
        | Item::TraitAlias(_)
        | Item::Union(_)
        | Item::Verbatim(_)
        | _ => &[],
    }
}

/// `#[test]`, `#[cfg(test)]` and `#[cfg(all(test, …))]`.
fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if let Meta::List(list) = &attribute.meta
            && list.path.is_ident("cfg")
        {
            let condition = list.tokens.to_string().replace(' ', "");
            return condition == "test" || condition.starts_with("all(test,");
        }
        let name = attribute.path().segments.last();
        name.is_some_and(|last| last.ident == "test")
    })
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        if let Meta::NameValue(MetaNameValue { path, value, .. }) = &attribute.meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = value
            && path.is_ident("path")
        {
            return Some(text.value());
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::super::read::read;

    fn paths(text: &str) -> Vec<String> {
        let body = read(text).unwrap().body;
        let imports = body.imports.iter().map(|one| one.path.join("::") + " as " + &one.name);
        imports.chain(body.mentions.iter().map(|one| one.path.join("::"))).collect()
    }

    #[test]
    fn a_use_tree_is_taken_apart() {
        assert_eq!(
            paths("pub use crate::a::{self, B as C, d::*};"),
            ["crate::a as a", "crate::a::B as C", "crate::a::d as *"]
        );
    }

    #[test]
    fn paths_in_types_expressions_macros_and_attributes_are_seen() {
        let text = "#[serde(with = \"crate::hex\")] struct S(crate::a::B<super::c::D>);\n\
                    fn f() { x::y(); assert!(z::w == 1, \"{}\", [crate::q::R]); m!(S { a: t::u }, ::v::w); }";
        assert_eq!(
            paths(text),
            ["crate::hex", "crate::a::B", "super::c::D", "x::y", "z::w", "crate::q::R", "t::u"]
        );
    }

    #[test]
    fn what_is_for_tests_only_is_left_out() {
        let text = "#[cfg(test)] use crate::a; #[test] fn t() { b::c(); }\n\
                    #[cfg(all(test, unix))] mod u { use crate::d; }\n\
                    impl S { #[cfg(test)] fn m() { e::f(); } }";
        assert_eq!(paths(text), Vec::<String>::new());
    }
}
