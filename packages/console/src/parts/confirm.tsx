import { type ReactNode, useState } from 'react';
import { Button, Dialog, Heading, Input, Label, Modal, ModalOverlay, TextField } from 'react-aria-components';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { Failure } from './failure.tsx';

interface DialogButtonProps {
  readonly label: string;
  /** The accessible name of the button, where the label says too little. */
  readonly name?: string;
  readonly title: string;
  /** What the dialog explains. */
  readonly children: ReactNode;
  /**
   * What must be typed first, with escapes for what is invisible; nothing by default.
   */
  readonly typed?: string;
  readonly confirm: string;
  readonly act: () => Promise<unknown>;
}

/** A button that asks for confirmation before it does something irreversible. */
export function ConfirmButton({ quiet = false, ...props }: DialogButtonProps & { quiet?: boolean }) {
  return <DialogButton {...props} look={quiet ? 'button-quiet button-danger' : 'button-danger'} asks />;
}

/**
 * A button that asks for confirmation, or acts at once when nothing can be lost (`asks` is false).
 */
export function DialogButton(props: DialogButtonProps & { look: string; asks: boolean }) {
  const { label, name, title, children, typed, confirm, act, look, asks } = props;
  const [error, setError] = useState<Error>();
  const [isOpen, setOpen] = useState(false);
  const press = () => {
    if (asks) setOpen(true);
    else act().then(() => setError(undefined), setError);
  };
  return (
    <>
      <Button className={`button ${look}`} onPress={press} {...(name && { 'aria-label': name })}>
        {label}
      </Button>
      {error && <Failure error={error} />}
      <ModalOverlay className="overlay" isDismissable isOpen={isOpen} onOpenChange={setOpen}>
        <Modal className="modal">
          <Dialog>
            {({ close }) => (
              <Question title={title} confirm={confirm} typed={typed} close={close} act={act}>
                {children}
              </Question>
            )}
          </Dialog>
        </Modal>
      </ModalOverlay>
    </>
  );
}

function Question(props: {
  title: string;
  confirm: string;
  typed: string | undefined;
  children: ReactNode;
  close: () => void;
  act: () => Promise<unknown>;
}) {
  const { title, confirm, children, close, act } = props;
  const typed = props.typed === undefined ? undefined : visibleText(props.typed);
  const [text, setText] = useState('');
  const [error, setError] = useState<Error>();
  const [isActing, setActing] = useState(false);
  const submit = async () => {
    setActing(true);
    try {
      await act();
      close();
    } catch (thrown) {
      setError(thrown as Error);
      setActing(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <Heading slot="title">{title}</Heading>
      <div className="prose">{children}</div>
      {typed !== undefined && (
        <TextField value={text} onChange={setText} autoFocus autoComplete="off">
          <Label>
            Type <code>{typed}</code> to go on
          </Label>
          <Input />
        </TextField>
      )}
      {error && <Failure error={error} />}
      <div className="actions actions-end">
        <Button className="button" onPress={close}>
          Cancel
        </Button>
        <Button
          type="submit"
          className="button button-danger button-solid"
          isDisabled={isActing || (typed !== undefined && text !== typed)}
        >
          {confirm}
        </Button>
      </div>
    </form>
  );
}
