//! Where functions begin and end.

use proc_macro2::Span;
use syn::{
    Block, File, ImplItemFn, ItemFn, Macro, Signature, TraitItemFn,
    visit::{self, Visit},
};

use super::{facts::Function, tokens};

/// Every function of a file that has a body.
pub(super) fn all(file: &File) -> Vec<Function> {
    let mut found = Found::default();
    found.visit_file(file);
    found.functions
}

#[derive(Default)]
struct Found {
    functions: Vec<Function>,
}

impl Found {
    fn add(&mut self, signature: &Signature, body: &Block) {
        let last: Span = body.brace_token.span.close();
        self.functions.push(Function {
            name: signature.ident.to_string(),
            first: signature.fn_token.span.start().line,
            last: last.end().line,
        });
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.add(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        tokens::functions(&call.tokens, &mut self.functions);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn functions_are_found_wherever_they_are_and_measured_without_their_attributes() {
        let text = "#[test]\nfn a() {\n}\nimpl X {\n    /// Says.\n    fn b() {}\n}\ntrait Y {\n    fn none();\n    fn c() {\n    }\n}\n\
                    proptest! {\n    fn d(x in any::<u8>()) {\n        x;\n    }\n}\n";
        let functions = super::super::read::read(text).unwrap().functions;
        let seen: Vec<_> = functions.iter().map(|one| (one.name.as_str(), one.lines())).collect();
        assert_eq!(seen, [("a", 2), ("b", 1), ("c", 2), ("d", 3)]);
    }
}
