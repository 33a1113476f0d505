//! The two kinds of data files, with 8-bit strings and with wide ones, behind one face: the crate has types of their own
//! for each.

use std::rc::Rc;

use outlook_pst::messaging::attachment::{AnsiAttachment, Attachment, UnicodeAttachment};
use outlook_pst::messaging::message::{AnsiMessage, Message, UnicodeMessage};
use outlook_pst::messaging::store::{AnsiStore, Store, UnicodeStore};
use outlook_pst::ndb::node_id::NodeId;
use outlook_pst::{AnsiPstFile, UnicodePstFile};

use super::Read;

/// What differs between the two.
pub(super) trait Kind: Sized {
    type Store: Store;
    type Message: Message;

    /// Opens the store in a file.
    fn store(self) -> Read<Rc<Self::Store>>;

    /// Opens a message.
    fn message(store: &Rc<Self::Store>, node: NodeId) -> Read<Rc<Self::Message>>;

    /// Opens an attachment of a message.
    fn attachment(message: &Rc<Self::Message>, node: NodeId) -> Read<Rc<dyn Attachment>>;
}

impl Kind for UnicodePstFile {
    type Store = UnicodeStore;
    type Message = UnicodeMessage;

    fn store(self) -> Read<Rc<Self::Store>> {
        UnicodeStore::read(Rc::new(self))
    }

    fn message(store: &Rc<Self::Store>, node: NodeId) -> Read<Rc<Self::Message>> {
        UnicodeMessage::read(store.clone(), &store.properties().make_entry_id(node)?, None)
    }

    fn attachment(message: &Rc<Self::Message>, node: NodeId) -> Read<Rc<dyn Attachment>> {
        Ok(UnicodeAttachment::read(message.clone(), node, None)?)
    }
}

impl Kind for AnsiPstFile {
    type Store = AnsiStore;
    type Message = AnsiMessage;

    fn store(self) -> Read<Rc<Self::Store>> {
        AnsiStore::read(Rc::new(self))
    }

    fn message(store: &Rc<Self::Store>, node: NodeId) -> Read<Rc<Self::Message>> {
        AnsiMessage::read(store.clone(), &store.properties().make_entry_id(node)?, None)
    }

    fn attachment(message: &Rc<Self::Message>, node: NodeId) -> Read<Rc<dyn Attachment>> {
        Ok(AnsiAttachment::read(message.clone(), node, None)?)
    }
}
