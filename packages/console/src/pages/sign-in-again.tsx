import { Dialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { useSignOut } from '../api/session.ts';
import { SignInForm } from './sign-in-form.tsx';

/**
 * Asks to sign in again over a page whose session has ended, so that nothing typed on it is lost.
 */
export function SignInAgain() {
  const signOut = useSignOut();
  return (
    <ModalOverlay className="overlay" isOpen isKeyboardDismissDisabled>
      <Modal className="modal">
        <Dialog>
          <Heading slot="title">Your session has ended</Heading>
          <p>
            A session lasts twelve hours, and ends early when you sign out elsewhere or the admin token
            changes. What you have typed on this page is still there.
          </p>
          <SignInForm />
          <p>
            <button type="button" className="link" onClick={() => signOut.leave()}>
              Leave this page instead
            </button>
          </p>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
