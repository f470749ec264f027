import { useState } from 'react';
import { Button, Input, Label, TextField } from 'react-aria-components';
import { useSignIn } from '../api/session.ts';
import { Failure } from '../parts/failure.tsx';

/** The field for the admin token and the button that signs in. */
export function SignInForm() {
  const [token, setToken] = useState('');
  const signIn = useSignIn();
  return (
    <form
      className="sign-in-form"
      onSubmit={(event) => {
        event.preventDefault();
        signIn.mutate(token.trim());
      }}
    >
      {/* Password managers keep a secret under a name. */}
      <input type="text" name="username" autoComplete="username" value="admin" readOnly hidden />
      <TextField
        value={token}
        onChange={setToken}
        type="password"
        autoComplete="current-password"
        autoFocus
        isRequired
      >
        <Label>Admin token</Label>
        <Input />
      </TextField>
      {signIn.isError && <Failure error={signInError(signIn.error)} />}
      <Button
        type="submit"
        className="button button-solid"
        isDisabled={signIn.isPending || token.trim() === ''}
      >
        Sign in
      </Button>
    </form>
  );
}

function signInError(error: Error): Error {
  const status = 'status' in error ? error.status : undefined;
  if (status === 401) return new Error('This is not the admin token of this server.');
  if (status === 429)
    return new Error('Too many failed attempts from this address. Wait a minute, then try again.');
  return error;
}
